"""The client's errors are the server's."""

from __future__ import annotations

import pytest
from visionfleet import errors as ours

from shared import errors as theirs
from tests.unit.client import mirror_errors


@pytest.mark.parametrize("original", mirror_errors.originals(), ids=lambda error: error.code)
def test_every_code_of_the_server_has_its_class(original: type[theirs.VisionfleetError]) -> None:
    mirrored = ours.BY_CODE[original.code]
    assert mirrored.__name__ == original.__name__
    assert mirrored.default_retryable == original.retryable
    assert [c.__name__ for c in mirrored.__mro__] == [c.__name__ for c in original.__mro__]


def test_an_error_survives_the_way() -> None:
    sent = theirs.ModelNotFound("There is no model.", model="x", status=7)
    error = ours.from_dict(sent.to_dict(), 404)
    assert isinstance(error, ours.ModelNotFound)
    assert (error.message, error.status, error.details["model"]) == ("There is no model.", 404, "x")


def test_unknown_codes_stay_readable() -> None:
    error = ours.from_dict({"code": "brand_new", "message": "Hm.", "retryable": True})
    assert type(error) is ours.VisionfleetError
    assert (error.code, error.retryable) == ("brand_new", True)


def test_the_mirror_is_up_to_date() -> None:
    assert mirror_errors.FILE.read_text() == mirror_errors.page(), "run: python -m tests.unit.client.mirror_errors"
