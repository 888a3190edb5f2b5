//! The banks and credit unions of the town. All invented.

use super::chance::mix;

/// What one town can hold: enough for a fleet of customers, few enough for a listening port each.
pub const MAX_INSTITUTIONS: usize = 300;

/// Data centres that the institutions' cores share.
const HOSTS: usize = 12;

const PLACES: [&str; 20] = [
    "Cedar Hollow",
    "Larkspur",
    "Quiet River",
    "Old Mill",
    "Amber Field",
    "Stone Bridge",
    "Willow Bend",
    "Blue Heron",
    "Juniper Gap",
    "Lantern Hill",
    "Maple Cross",
    "Otter Creek",
    "Pebble Shore",
    "Rowan Vale",
    "Saffron Plains",
    "Thistle Down",
    "Umber Ridge",
    "Violet Marsh",
    "Wren Harbor",
    "Yarrow Glen",
];

const KINDS: [&str; 15] = [
    "Credit Union",
    "Community Bank",
    "Savings Bank",
    "Teachers Credit Union",
    "Farmers Bank",
    "Members Trust",
    "Railway Credit Union",
    "Bakers Bank",
    "Nurses Credit Union",
    "Harbor Bank",
    "Library Credit Union",
    "Orchard Bank",
    "Firefighters Credit Union",
    "Mill Workers Bank",
    "Gardeners Credit Union",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Institution {
    /// `inst-1`, `inst-2` and so on.
    pub id: String,
    pub name: String,
    /// The host that its core runs on, shared with others.
    pub host: String,
    /// Requests per minute over both services, on a day like any other.
    pub per_minute: u32,
}

impl Institution {
    /// `count` of them, at least one and at most [`MAX_INSTITUTIONS`].
    pub fn invented(count: usize) -> Vec<Self> {
        found(count)
    }
}

fn found(count: usize) -> Vec<Institution> {
    (1..=count.clamp(1, MAX_INSTITUTIONS))
        .map(|number| Institution {
            id: format!("inst-{number}"),
            name: format!("{} {}", PLACES[number % PLACES.len()], KINDS[(number / PLACES.len()) % KINDS.len()]),
            host: host(number % HOSTS + 1),
            per_minute: 6 + (mix(&[number as u64, 7]) % 18) as u32,
        })
        .collect()
}

fn host(number: usize) -> String {
    format!("host-{number:02}.core.example")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn three_hundred_have_a_name_each_and_share_hosts() {
        let all = found(MAX_INSTITUTIONS + 1);
        assert_eq!(all.len(), MAX_INSTITUTIONS);
        assert_eq!(all.iter().map(|found| &found.name).collect::<BTreeSet<_>>().len(), MAX_INSTITUTIONS);
        assert_eq!(all.iter().map(|found| &found.host).collect::<BTreeSet<_>>().len(), HOSTS);
        assert_eq!(all[122].id, "inst-123");
        assert_eq!(found(0).len(), 1);
    }
}
