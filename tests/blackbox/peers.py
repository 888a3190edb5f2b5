"""Prometheus and Alertmanager as Debian packages them, and a service for them to watch."""

import datetime
import json
import pathlib
import subprocess
import sys

from .process import free_port, listening

PROMETHEUS = "/usr/bin/prometheus"
ALERTMANAGER = "/usr/bin/prometheus-alertmanager"
AMTOOL = "/usr/bin/amtool"
BLACKBOX_EXPORTER = "/usr/bin/prometheus-blackbox-exporter"


class Exporter:
    """A process that Prometheus scrapes. Killing it is the outage."""

    def __init__(self, case, name):
        self.case, self.name, self.port = case, name, free_port()
        self.start()

    def start(self):
        script = pathlib.Path(__file__).with_name("exporter.py")
        self.process = self.case.process(self.name, [sys.executable, script, self.port])
        listening(self.port, self.process)

    def kill(self):
        self.process.kill()


def prometheus(case, firedog_host, key, exporters, resend_s=5):
    """Prometheus with one job and one alert (`<Name>Down`) per exporter, and Firedog as its Alertmanager.

    Its lease on a firing alert is four times `resend_s`.
    """
    names = [exporter.name for exporter in exporters]
    rules = {
        "groups": [
            {
                "name": "outages",
                "rules": [
                    {
                        "alert": f"{name.capitalize()}Down",
                        "expr": f'up{{job="{name}"}} == 0',
                        "for": "0s",
                        "labels": {"severity": "critical"},
                        "annotations": {"summary": f"the {name} does not answer"},
                    }
                    for name in names
                ],
            }
        ]
    }
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "alerting": {
            "alertmanagers": [
                {
                    "scheme": "http",
                    "path_prefix": f"/in/{key}",
                    "api_version": "v2",
                    "static_configs": [{"targets": [firedog_host]}],
                }
            ]
        },
        "rule_files": [str(case.write("rules.yml", rules))],
        "scrape_configs": [
            {"job_name": exporter.name, "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}]}
            for exporter in exporters
        ],
    }
    port = free_port()
    command = [
        PROMETHEUS,
        f"--config.file={case.write('prometheus.yml', config)}",
        f"--storage.tsdb.path={case.directory / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--rules.alert.resend-delay={resend_s}s",
    ]
    process = case.process("prometheus", command)
    listening(port, process)
    return process


def scraper(case, targets):
    """Prometheus that only scrapes: `targets` are ports by job. Answers its URL."""
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for job, port in targets.items()
        ],
    }
    port = free_port()
    command = [
        PROMETHEUS,
        f"--config.file={case.write('scraper.yml', config)}",
        f"--storage.tsdb.path={case.directory / 'scraper'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    listening(port, case.process("scraper", command))
    return f"http://127.0.0.1:{port}"


def blackbox_exporter(case, modules):
    """A blackbox exporter with these modules. Answers its URL and its process."""
    port = free_port()
    command = [
        BLACKBOX_EXPORTER,
        f"--config.file={case.write(f'blackbox-{port}.yml', {'modules': modules})}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    process = case.process("blackbox", command)
    listening(port, process)
    return f"http://127.0.0.1:{port}", process


class Alertmanager:
    def __init__(self, case, receiver, route=None, ready=listening):
        """`receiver` is the body of its one receiver, such as {"webhook_configs": […]}."""
        config = {
            "global": {"resolve_timeout": "5m"},
            "route": {
                "receiver": "firedog",
                "group_by": ["alertname"],
                "group_wait": "1s",
                "group_interval": "1s",
                "repeat_interval": "1h",
            }
            | (route or {}),
            "receivers": [{"name": "firedog"} | receiver],
        }
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [
            ALERTMANAGER,
            f"--config.file={case.write(f'alertmanager-{self.port}.yml', config)}",
            f"--storage.path={case.directory / f'alertmanager-{self.port}'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        self.process = case.process("alertmanager", command)
        ready(self.port, self.process)


def amtool(url, *arguments, code=0):
    """Answers what it printed."""
    done = subprocess.run(
        [AMTOOL, f"--alertmanager.url={url}", *map(str, arguments)], capture_output=True, text=True, timeout=40
    )
    words = " ".join(map(str, arguments))
    assert code is None or done.returncode == code, f"amtool {words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def amtool_add(url, *labels, summary=None):
    annotations = [f"--annotation=summary={summary}"] if summary else []
    amtool(url, "alert", "add", *labels, *annotations)


def amtool_resolve(url, *labels, summary=None):
    """Ends an alert as its source would: the same start, an end that is now."""
    [alert] = json.loads(amtool(url, "alert", "query", *labels, "--output=json"))
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    annotations = [f"--annotation=summary={summary}"] if summary else []
    amtool(url, "alert", "add", *labels, *annotations, f"--start={alert['startsAt']}", f"--end={now}")
