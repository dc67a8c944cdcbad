"""The simulator's state on one page, for a person with a browser; it refreshes itself."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader

from provider.simulator.journal import Journal
from provider.simulator.state import Total
from provider.simulator.web import Answer
from provider.simulator.windows import Window

_TEMPLATE = Environment(loader=PackageLoader("provider.simulator"), autoescape=True).get_template("state.html")


def render(
    *, totals: Sequence[Total], windows: Sequence[tuple[Window, int]], queued: int, callbacks: int, journal: Journal
) -> Answer:
    """Render the page: totals by object type, windows with their use, requests and callbacks that wait, the journal."""
    page = _TEMPLATE.render(totals=totals, windows=windows, queued=queued, callbacks=callbacks, journal=journal)
    return Answer(200, page.encode(), "text/html; charset=utf-8")
