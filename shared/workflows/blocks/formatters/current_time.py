"""Tell the time."""

from __future__ import annotations

from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import StepFields, StrRef

Zone = Literal[
    "Etc/GMT+12",
    "Pacific/Pago_Pago",
    "Pacific/Honolulu",
    "Pacific/Marquesas",
    "America/Anchorage",
    "Pacific/Gambier",
    "America/Los_Angeles",
    "America/Denver",
    "America/Phoenix",
    "America/Chicago",
    "America/Mexico_City",
    "America/New_York",
    "America/Bogota",
    "America/Halifax",
    "America/Puerto_Rico",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Atlantic/South_Georgia",
    "Atlantic/Azores",
    "Atlantic/Cape_Verde",
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "Africa/Lagos",
    "Europe/Kyiv",
    "Africa/Cairo",
    "Africa/Johannesburg",
    "Europe/Moscow",
    "Europe/Istanbul",
    "Africa/Nairobi",
    "Asia/Tehran",
    "Asia/Dubai",
    "Asia/Kabul",
    "Asia/Karachi",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Dhaka",
    "Asia/Yangon",
    "Asia/Bangkok",
    "Asia/Shanghai",
    "Australia/Eucla",
    "Asia/Tokyo",
    "Australia/Darwin",
    "Australia/Adelaide",
    "Australia/Sydney",
    "Pacific/Port_Moresby",
    "Australia/Lord_Howe",
    "Pacific/Guadalcanal",
    "Pacific/Norfolk",
    "Pacific/Fiji",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Tongatapu",
    "Pacific/Apia",
    "Pacific/Kiritimati",
]


class CurrentTime(Block):
    """As a moment, and as texts in the time zone asked for."""

    ids = ("roboflow_core/current_time@v1",)
    label = "Current Time"
    summary = "Tell the time."
    category = "formatter"
    outputs = {
        "timestamp": (kinds.TIMESTAMP,),
        "iso_string": (kinds.STRING,),
        "date": (kinds.STRING,),
        "time": (kinds.STRING,),
    }

    class Fields(StepFields):
        """``timezone`` by its name in the IANA database."""

        timezone: Zone | StrRef = "UTC"

    def run(self, timezone: str) -> dict[str, Any]:
        """Raises InvalidRequest for a time zone that there is not."""
        try:
            now = self.services.now().astimezone(ZoneInfo(timezone))
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InvalidRequest(f"There is no time zone {str(timezone)[:64]!r}.") from error
        return {
            "timestamp": now,
            "iso_string": now.isoformat(),
            "date": now.strftime("%Y-%m-%d"),
            "time": now.strftime("%H:%M:%S"),
        }
