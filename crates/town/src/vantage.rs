//! Blackbox exporters that stand elsewhere and look at the cores: each a place of its own, from where the way may be open or not.
//!
//! Facts: blackbox exporter 0.23, with Debian's own configuration.

use crate::cores;
use crate::desk::{Ask, Desk, answer};
use crate::door::Port;
use crate::weather::{Condition, CoreFault, Sky, Weather};
use axum::http::StatusCode;
use axum::response::Response;

/// Where they stand.
pub const VANTAGES: [&str; 2] = ["branch", "cloud"];

pub(crate) struct Vantage {
    pub(crate) weather: Weather,
    pub(crate) name: &'static str,
}

/// What a probe came to.
struct Came {
    success: bool,
    /// Zero: not so far.
    status: u16,
    /// Zero: to no address.
    protocol: u8,
}

impl Desk for Vantage {
    fn answer(&self, ask: &Ask) -> Response {
        let sky = self.weather.look();
        match ask.segments()[..] {
            ["-", "healthy"] => answer(200, "text/plain; charset=utf-8", "Healthy"),
            ["metrics"] => metrics(
                "# TYPE blackbox_exporter_build_info gauge\nblackbox_exporter_build_info{branch=\"HEAD\",goversion=\"go1.19.8\",revision=\"x\",version=\"0.23.0\"} 1\n",
            ),
            ["probe"] => self.probe(&sky, ask),
            _ => answer(404, "text/plain; charset=utf-8", "404 page not found\n"),
        }
    }

    fn refusal(&self, status: StatusCode, _: Option<u32>) -> Response {
        answer(status.as_u16(), "text/plain; charset=utf-8", "upstream error\n")
    }
}

impl Vantage {
    fn probe(&self, sky: &Sky, ask: &Ask) -> Response {
        let module = ask.query("module").unwrap_or("http_2xx");
        let is_http = match module {
            "http_2xx" => true,
            "tcp_connect" => false,
            other => return answer(400, "text/plain; charset=utf-8", format!("Unknown module \"{other}\"\n")),
        };
        let Some(target) = ask.query("target").filter(|target| !target.is_empty()) else {
            return answer(400, "text/plain; charset=utf-8", "Target parameter is missing\n");
        };
        let Came { success, status, protocol } = self.look(sky, target, is_http);
        let mut text = format!(
            "# HELP probe_dns_lookup_time_seconds Returns the time taken for probe dns lookup in seconds\n# TYPE probe_dns_lookup_time_seconds gauge\nprobe_dns_lookup_time_seconds 1.0595e-05\n# TYPE probe_duration_seconds gauge\nprobe_duration_seconds 0.004\n# TYPE probe_failed_due_to_regex gauge\nprobe_failed_due_to_regex 0\n# TYPE probe_ip_protocol gauge\nprobe_ip_protocol {protocol}\n"
        );
        if is_http {
            text.push_str(&format!("# TYPE probe_http_status_code gauge\nprobe_http_status_code {status}\n"));
        }
        text.push_str(&format!("# TYPE probe_success gauge\nprobe_success {}\n", u8::from(success)));
        metrics(&text)
    }

    fn look(&self, sky: &Sky, target: &str, is_http: bool) -> Came {
        let nothing = Came { success: false, status: 0, protocol: 0 };
        let place = target.split_once("://").map_or(target, |(_, rest)| rest).split('/').next().unwrap_or_default();
        let Some((host, port)) = place.rsplit_once(':') else { return nothing };
        if !matches!(host, "localhost" | "127.0.0.1") {
            return nothing;
        }
        let closed = Came { protocol: 4, ..nothing };
        let found = port.parse::<u16>().ok().and_then(|port| sky.ports.iter().position(|open| *open == port));
        let Some(index) = found else { return closed };
        let institution = &sky.institutions[index].id;
        let way = sky.conditions().find_map(|condition| match condition {
            Condition::Way { vantage, institution: of, open } if vantage == self.name && of == institution => Some(*open),
            _ => None,
        });
        if !way.unwrap_or_else(|| matches!(cores::port(sky, index), Port::Open)) {
            return closed;
        }
        if !is_http {
            return Came { success: true, ..closed };
        }
        // The cores' certificates are believed by nobody who was not told so.
        if target.starts_with("https://") {
            return closed;
        }
        let status = sky.conditions().find_map(|condition| match condition {
            Condition::Core { institution: of, fault: CoreFault::Http(status), percent: 100.. } if of == institution => {
                Some(*status)
            }
            _ => None,
        });
        let status = status.unwrap_or(200);
        Came { success: status < 300, status, ..closed }
    }
}

fn metrics(text: &str) -> Response {
    answer(200, "text/plain; version=0.0.4; charset=utf-8", text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client;
    use crate::town::Town;
    use jiff::Timestamp;

    async fn ask(url: &str, query: &str) -> (u16, String) {
        let answer = client().get(format!("{url}/probe?{query}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn a_vantage_sees_the_cores_by_its_own_way() {
        let weather = Weather::new(2, Timestamp::from_second(1_772_467_200).unwrap());
        weather.set_speed(0);
        let town = Town::start(weather).await.unwrap();
        let core = town.core_addr("inst-1").unwrap();
        let [branch, cloud] = VANTAGES.map(|name| town.vantage_url(name).unwrap());
        let tcp = format!("module=tcp_connect&target=localhost:{}", core.port());
        for url in [&branch, &cloud] {
            assert!(ask(url, &tcp).await.1.contains("\nprobe_success 1\n"));
            assert!(ask(url, "module=tcp_connect&target=localhost:9").await.1.contains("\nprobe_success 0\n"));
            assert!(ask(url, "module=tcp_connect&target=nothing.invalid:9").await.1.contains("probe_ip_protocol 0\n"));
            let page = ask(url, &format!("module=http_2xx&target=https://localhost:{}/SymXchange", core.port())).await.1;
            assert!(page.contains("probe_http_status_code 0\n") && page.contains("probe_ip_protocol 4\n"), "{page}");
            assert_eq!(ask(url, "module=mine&target=localhost:9").await, (400, "Unknown module \"mine\"\n".to_owned()));
        }
        town.weather().set(Condition::Core { institution: "inst-1".to_owned(), fault: CoreFault::ConnectTimeout, percent: 100 });
        town.weather().set(Condition::Way { vantage: "cloud".to_owned(), institution: "inst-1".to_owned(), open: true });
        assert!(ask(&branch, &tcp).await.1.contains("\nprobe_success 0\n"));
        assert!(ask(&cloud, &tcp).await.1.contains("\nprobe_success 1\n"));
    }
}
