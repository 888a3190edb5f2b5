//! A seed replays exactly: two runs, compared line by line.

use crate::sim::Sim;

#[test]
fn a_seed_replays_exactly() {
    for seed in [3, 17, 4242] {
        let (first, second) = (Sim::new(seed).run(200), Sim::new(seed).run(200));
        for (i, (a, b)) in first.iter().zip(&second).enumerate() {
            assert_eq!(a, b, "seed {seed}, line {i}");
        }
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}
