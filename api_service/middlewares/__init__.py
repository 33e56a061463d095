"""One concern per file; the order is the list.

``observe`` is outermost, because every answer is counted, timed and named, errors too. ``errors`` is inside it, so that
handlers only raise. ``access`` is innermost: what it knows of the caller is there for the handler.
"""

from __future__ import annotations

from api_service.middlewares.access import access
from api_service.middlewares.browser import browser
from api_service.middlewares.errors import errors
from api_service.middlewares.observe import observe

MIDDLEWARES = (observe, errors, browser, access)
