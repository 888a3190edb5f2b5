"""`firedog demo`, alone and with somebody who acknowledges."""

import re

from .. import web
from ..firedog import clean_environment
from ..wait import until
from . import only


@only("sqlite")
def test_the_demo_tells_the_whole_story_alone(t):
    done = t.run("demo", "--once", seconds=330)
    for word in ("triggered", "notified", "acknowledged", "resolved"):
        assert word in done.out, f"{word!r} is missing in {done}"
    assert "demo" in done.out.lower()
    # The second chapter: theirs; ours, through a kill -9; the same file on Kubernetes.
    for said in ("Theirs: ", "others failing", "kill -9", "2 builds of restart-on-marathon", "2 builds of restart-on-kubernetes"):
        assert said in done.out, f"{said!r} is missing in {done}"
    print(next(line for line in reversed(done.out.splitlines()) if "That was the demo" in line))


@only("sqlite")
def test_the_demo_is_acknowledged_from_the_printed_link(t):
    demo = t.process("demo", [t.binary, "demo"], env=clean_environment(), cwd=t.directory)

    def link():
        if not demo.running():
            raise RuntimeError(f"the demo ended early:\n{demo.tail()}")
        for url in re.findall(r"https?://127\.0\.0\.1:\d+/\S+", demo.text()):
            answer = web.send("GET", url)
            if answer.status == 200 and 'value="acknowledge"' in answer.text:
                return url

    url = until("a link that acknowledges", link, 60, every=0.3)
    web.send("POST", url, form={"action": "acknowledge"}).expect(200, 303)
    assert demo.wait(420) == 0, demo.tail()
    said = demo.text()
    assert "acknowledged" in said and "resolved" in said, demo.tail()
