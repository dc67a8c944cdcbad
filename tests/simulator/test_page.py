"""The page: the simulator's state, for a person with a browser."""

from pretend import PERSON, people
from support import eventually


def test_it_shows_the_state(partner):
    """The page shows records by type, the windows, the last requests; it refreshes itself and needs nothing else."""
    partner.ingest(people(7))
    partner.ingest([PERSON | {"phone": 5}])
    partner.stored(7)
    response = partner.get("")
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    text = response.text
    assert '<tr><td>customer-identity</td><td class="number">7</td><td class="number">7</td></tr>' in text
    assert '<td>86400 s</td><td class="number">2</td><td class="number">2</td><td class="number">400000</td>' in text
    assert "Invalid value of: phone" in text
    assert '<meta http-equiv="refresh"' in text
    assert "http://" not in text
    assert "<script" not in text


def test_what_was_sent_cannot_write_the_page(partner):
    """Names that a sender chose are shown as text."""
    partner.ingest([{"id": "1"}], "<script>alert(1)</script>")
    eventually(lambda: "alert(1)" in partner.get("").text)
    assert "<script" not in partner.get("").text
