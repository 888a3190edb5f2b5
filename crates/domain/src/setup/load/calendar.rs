//! Schedules and maintenance: what depends on dates.

use super::people::{MAX_FEW, MAX_MANY, few, users};
use super::reader::{Field, Fields, Reader};
use super::values::is_date;
use crate::setup::schema::keys;
use crate::setup::*;

/// Overrides of one schedule in files: 40 years of weekly ones. Live ones are kept elsewhere.
const MAX_OVERRIDES: usize = 2_000;

pub(super) fn schedule(r: &mut Reader, f: &Fields) -> Schedule {
    let id = ScheduleId(r.id(f));
    let name = r.text(f.get("name"));
    let team = r.reference(f.get("team"), "team").map(TeamId);
    let timezone = r.zone(f.get("timezone")).unwrap_or_else(Zone::utc);
    r.some(f.get("layers"), "nobody would ever be on call");
    let mut layers: Vec<Layer> = Vec::new();
    for item in r.objects(f.get("layers"), &keys::LAYER, MAX_FEW) {
        let layer = self::layer(r, &item);
        if layers.iter().any(|other| other.id == layer.id) {
            let span = item.get("id").map_or(item.span, |field| field.node.span);
            r.error("duplicate", span, format!("layer `{}` of schedule `{id}` exists already", layer.id)).help =
                Some("give one of them another id".to_owned());
        }
        layers.push(layer);
    }
    let mut overrides = Vec::new();
    for (n, item) in r.objects(f.get("overrides"), &keys::OVERRIDE, MAX_OVERRIDES).iter().enumerate() {
        let id = OverrideId(format!("{id}#{}", n + 1));
        overrides.extend(self::override_of(r, item, id, &timezone));
    }
    Schedule { id, name, team, timezone, layers, overrides }
}

fn layer(r: &mut Reader, f: &Fields) -> Layer {
    let id = r.id(f);
    r.some(f.get("users"), "nobody would take turns");
    let mut turns = Vec::new();
    if let Some(field) = f.get("users") {
        for node in few(r, field, MAX_MANY) {
            let item = field.of(node);
            if node.list().is_some() {
                r.some(Some(item), "nobody would be on in this turn");
                turns.push(users(r, Some(item)));
            } else {
                turns.extend(r.reference(Some(item), "user").map(|user| vec![UserId(user)]));
            }
        }
    }
    let start = r.local_time(f.get("start")).unwrap_or_default();
    let every = r.parse(f.get("every"), |text| {
        text.parse::<Every>().map_err(|hint| match text {
            "hour" | "hourly" => "write `1h`".to_owned(),
            "day" | "daily" => "write `1d`".to_owned(),
            "week" | "weekly" => "write `1w`".to_owned(),
            "month" | "monthly" => "write `1mo`".to_owned(),
            _ => hint,
        })
    });
    let every = every.unwrap_or(Every { n: 1, unit: Unit::Week });
    if let Some(field) = f.get("only") {
        r.some(Some(field), "the layer would never apply; leave `only` out if it always does");
    }
    let windows = r.objects(f.get("only"), &keys::WINDOW, MAX_FEW);
    let only = windows.iter().map(|item| window(r, item)).collect();
    Layer { id, users: turns, start, every, only }
}

fn window(r: &mut Reader, f: &Fields) -> Window {
    let midnight = jiff::civil::Time::midnight();
    Window {
        days: days(r, f.get("days")).unwrap_or_default(),
        from: r.clock(f.get("from")).unwrap_or(midnight),
        to: r.clock(f.get("to")).unwrap_or(midnight),
    }
}

/// `mon-fri`, or a list of days.
fn days(r: &mut Reader, field: Option<Field>) -> Option<Days> {
    let field = field?;
    if field.node.list().is_none() {
        return r.parse(Some(field), str::parse);
    }
    let items = r.some(Some(field), "name the days");
    let days: Vec<Days> = items.iter().filter_map(|node| r.parse(Some(field.of(node)), str::parse)).collect();
    let contained = |day: &jiff::civil::Weekday| days.iter().any(|set| set.contains(*day));
    let week = jiff::civil::Weekday::Monday.cycle_forward().take(7);
    Some(Days::of(&week.filter(contained).collect::<Vec<_>>()))
}

fn override_of(r: &mut Reader, f: &Fields, id: OverrideId, zone: &Zone) -> Option<Override> {
    let user = r.reference(f.get("user"), "user").map(UserId);
    let remove = r.reference(f.get("remove"), "user").map(UserId);
    let add = r.boolean(f.get("add"));
    if add && remove.is_some() && user.is_none() {
        r.error("bad_value", f.key_span("add"), "`add` goes with `user`").help = Some("remove `add`".to_owned());
    }
    let span = span(r, f, zone);
    let change = match (user, remove) {
        (Some(user), None) if add => Change::Add(user),
        (Some(user), None) => Change::Replace(user),
        (None, Some(user)) => Change::Remove(user),
        _ => return None,
    };
    let (from, to) = span?;
    Some(Override { id, change, from, to, created_at: Timestamp::default() })
}

/// `from` and `to` as instants, in the right order.
fn span(r: &mut Reader, f: &Fields, zone: &Zone) -> Option<(Timestamp, Timestamp)> {
    let (from, to) = (r.instant(f.get("from"), zone), r.instant(f.get("to"), zone));
    let (from, to) = (from?, to?);
    if to <= from {
        let at = f.get("to").map_or(f.span, |field| field.node.span);
        r.error("bad_value", at, "this ends before it begins").help = Some("write a `to` after `from`".to_owned());
    }
    Some((from, to))
}

pub(super) fn maintenance(r: &mut Reader, f: &Fields) -> Maintenance {
    let id = MaintenanceId(r.id(f));
    let mut services = Vec::new();
    r.some(f.get("services"), "it would apply to nothing");
    if let Some(field) = f.get("services") {
        for node in few(r, field, MAX_MANY) {
            services.extend(r.reference(Some(field.of(node)), "service").map(ServiceId));
        }
    }
    let zone = r.zone(f.get("timezone")).unwrap_or_else(Zone::utc);
    let why = r.text(f.get("why"));
    let when = if f.has("every") { recurring(r, f, zone) } else { once(r, f, &zone) };
    let never = MaintenanceWhen::Once { from: Timestamp::MIN, to: Timestamp::MIN };
    Maintenance { id, services, when: when.unwrap_or(never), why }
}

fn once(r: &mut Reader, f: &Fields, zone: &Zone) -> Option<MaintenanceWhen> {
    for key in ["days", "day"] {
        if f.has(key) {
            r.error("bad_value", f.key_span(key), format!("`{key}` goes with `every`")).help =
                Some(format!("add `every: {}`, or remove `{key}`", if key == "day" { "month" } else { "week" }));
        }
    }
    for key in ["from", "to"] {
        if let Some(text) = f.get(key).and_then(|field| field.node.scalar())
            && !is_date(text)
            && text.contains(':')
        {
            let span = f.get(key).map_or(f.span, |field| field.node.span);
            r.error("bad_value", span, format!("without `every`, `{key}` has to be a date and time")).help =
                Some(format!("add `every: day`, or write for example `{key}: 2026-01-05T{text}`"));
            return None;
        }
    }
    span(r, f, zone).map(|(from, to)| MaintenanceWhen::Once { from, to })
}

fn recurring(r: &mut Reader, f: &Fields, timezone: Zone) -> Option<MaintenanceWhen> {
    let every = r.word(f.get("every"), &[("day", Period::Day), ("week", Period::Week), ("month", Period::Month)]);
    let mut clock = |key: &str| {
        let field = f.get(key)?;
        if field.node.scalar().is_some_and(is_date) {
            r.error("bad_value", field.node.span, format!("with `every`, `{key}` has to be a time of day")).help =
                Some(format!("write for example `{key}: \"02:00\"`"));
            return None;
        }
        r.clock(Some(field))
    };
    let (from, to) = (clock("from"), clock("to"));
    let days = days(r, f.get("days"));
    let day = f.get("day").map(|field| r.count(Some(field), 1, 31));
    let every = every?;
    let goes = [("days", every != Period::Month, "week", "days: sat"), ("day", every == Period::Month, "month", "day: 1")];
    for (key, fits, name, example) in goes {
        if f.has(key) && !fits {
            r.error("bad_value", f.key_span(key), format!("`{key}` goes with `every: {name}`")).help =
                Some(format!("write `every: {name}`, or remove `{key}`"));
        }
        if !f.has(key) && fits && every != Period::Day && !f.incomplete() {
            r.error("missing_key", f.key_span("every"), format!("`every: {name}` has to say on which `{key}`")).help =
                Some(format!("add for example `{example}`"));
        }
    }
    // Every day of the week is every day: one form, so that what is written out loads again.
    let every = if every == Period::Week && days.is_some_and(|days| days.is_all()) { Period::Day } else { every };
    let day = day.and_then(|day| i8::try_from(day).ok());
    Some(MaintenanceWhen::Recurring { every, days: days.unwrap_or_default(), day, from: from?, to: to?, timezone })
}
