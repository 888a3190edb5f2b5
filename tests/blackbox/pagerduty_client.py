"""Drives PagerDuty's own client, unmodified: python pagerduty_client.py URL KEY. Prints what it got, as JSON."""

import json
import sys

import pagerduty

url, key = sys.argv[1:]
client = pagerduty.EventsApiV2Client(key, base_url=url)
got = {}
got["trigger"] = client.trigger(
    "The shop is on fire",
    "shop.example.org",
    severity="error",
    payload={"component": "till", "group": "sales", "class": "fire"},
    custom_details={"bucket": "empty", "flames": [1, {"hot": None}], "ünïcode": "ja"},
    links=[{"href": "https://example.org/fire", "text": "What to do"}],
    images=[{"src": "https://example.org/fire.png"}],
)
got["again"] = client.trigger("The shop is on fire", "shop.example.org", dedup_key=got["trigger"], severity="error")
got["acknowledge"] = client.acknowledge(got["trigger"])
# With a timestamp: its own automatic one raises in this version.
client.submit("Deployed the shop", source="ci", timestamp="2026-01-02T03:04:05Z", custom_details={"sha": "abc"}, links=[{"href": "https://example.org/diff"}])
got["second"] = client.trigger("The stock is on fire", "stock.example.org", dedup_key="stock/1")
got["resolve"] = client.resolve("stock/1")
try:
    pagerduty.EventsApiV2Client("f" * 32, base_url=url).trigger("nobody's", "x")
except pagerduty.HttpError as error:
    got["unknown_key"] = error.response.status_code
print(json.dumps(got))
