//! Filters by table, the distribution by counting.

use super::*;

/// The probabilities 0.5, 0.2, 0.15, 0.1, 0.05 at temperature 1, not in order of size.
const SHARES: [f32; 5] = [0.15, 0.5, 0.05, 0.2, 0.1];

fn logits() -> Vec<f32> {
    SHARES.iter().map(|share| share.ln()).collect()
}

fn sampling(change: impl FnOnce(&mut Sampling)) -> Sampling {
    let mut sampling = Sampling {
        seed: Some(11),
        ..Sampling::default()
    };
    change(&mut sampling);
    sampling
}

/// How often each token comes in `draws` draws.
fn counts(sampling: &Sampling, logits: &[f32], around: Surroundings<'_>, draws: u32) -> Vec<u32> {
    let mut sampler = Sampler::new(sampling.clone(), 0);
    let mut scratch = Scratch::new(logits.len());
    let mut counts = vec![0; logits.len()];
    for _ in 0..draws {
        counts[sampler.choose(logits, around, &mut scratch).unwrap() as usize] += 1;
    }
    counts
}

/// Pearson's test: the sum of (seen - expected)^2 / expected stays below `bound`.
fn assert_distribution(counts: &[u32], expected: &[f64], bound: f64) {
    let draws: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let total: f64 = expected.iter().sum();
    let mut chi_square = 0.0;
    for (count, share) in counts.iter().zip(expected) {
        let wanted = share / total * draws;
        if wanted == 0.0 {
            assert_eq!(*count, 0, "{counts:?}");
        } else {
            chi_square += (f64::from(*count) - wanted).powi(2) / wanted;
        }
    }
    assert!(chi_square < bound, "{chi_square}: {counts:?} for {expected:?}");
}

/// The 0.999 quantile of chi-square with 4 degrees of freedom (fewer have a lower one).
const BOUND_4: f64 = 18.47;

#[test]
fn draws_follow_the_filtered_distribution() {
    type Row = (&'static str, fn(&mut Sampling), [f64; 5]);
    let table: [Row; 10] = [
        ("plain", |_| (), [0.15, 0.5, 0.05, 0.2, 0.1]),
        (
            "temperature 0.5 squares",
            |s| s.temperature = 0.5,
            [0.0225, 0.25, 0.0025, 0.04, 0.01],
        ),
        ("top_k 2", |s| s.top_k = 2, [0.0, 0.5, 0.0, 0.2, 0.0]),
        (
            "top_k beyond the vocabulary",
            |s| s.top_k = 99,
            [0.15, 0.5, 0.05, 0.2, 0.1],
        ),
        (
            "top_p takes the one that crosses",
            |s| s.top_p = 0.69,
            [0.0, 0.5, 0.0, 0.2, 0.0],
        ),
        ("top_p just above", |s| s.top_p = 0.71, [0.15, 0.5, 0.0, 0.2, 0.0]),
        (
            "top_p 0 keeps the best",
            |s| s.top_p = 0.0,
            [0.0, 1.0, 0.0, 0.0, 0.0],
        ),
        (
            "min_p is a share of the best",
            |s| s.min_p = 0.25,
            [0.15, 0.5, 0.0, 0.2, 0.0],
        ),
        // Of 0.5, 0.2, 0.15 (sum 0.85) the first two are 0.82.
        (
            "top_p looks at what top_k left",
            |s| (s.top_k, s.top_p) = (3, 0.8),
            [0.0, 0.5, 0.0, 0.2, 0.0],
        ),
        (
            "min_p looks at the temperature",
            |s| (s.temperature, s.min_p) = (2.0, 0.5),
            [0.387, 0.707, 0.0, 0.447, 0.0],
        ),
    ];
    for (name, change, expected) in table {
        let sampling = sampling(change);
        println!("{name}");
        let counts = counts(&sampling, &logits(), Surroundings::default(), 20_000);
        assert_distribution(&counts, &expected, BOUND_4);
    }
}

#[test]
fn a_wide_vocabulary_is_drawn_right_with_top_p() {
    // 500 tokens, weights 1/1, 1/2, 1/3 ...; top_p needs several rounds of sorting.
    let logits: Vec<f32> = (0..500)
        .map(|token| -((token * 7 % 500 + 1) as f32).ln())
        .collect();
    let shares: Vec<f64> = logits.iter().map(|logit| f64::from(*logit).exp()).collect();
    let total: f64 = shares.iter().sum();
    let mut ranked = shares.clone();
    ranked.sort_by(|first, second| second.total_cmp(first));
    let (mut sum, mut least) = (0.0, 0.0);
    for share in ranked {
        least = share;
        sum += share;
        if sum >= 0.9 * total {
            break;
        }
    }
    let expected: Vec<f64> = shares
        .iter()
        .map(|share| if *share >= least - 1e-9 { *share } else { 0.0 })
        .collect();
    assert!((200..300).contains(&expected.iter().filter(|share| **share > 0.0).count()));
    let counts = counts(
        &sampling(|s| s.top_p = 0.9),
        &logits,
        Surroundings::default(),
        60_000,
    );
    // Mean 250 and standard deviation 22 for about 250 kept tokens.
    assert_distribution(&counts, &expected, 340.0);
}

#[test]
fn temperature_zero_takes_the_best_and_the_first_of_equals() {
    let greedy = sampling(|s| s.temperature = 0.0);
    for (logits, expected) in [
        (vec![1.0, 3.0, 2.0], 1),
        (vec![2.0, 5.0, 5.0], 1),
        (vec![f32::NAN, -7.0, f32::NEG_INFINITY], 1),
        (vec![0.0, f32::INFINITY, 1.0], 1),
    ] {
        let counts = counts(&greedy, &logits, Surroundings::default(), 3);
        assert_eq!(counts[expected], 3, "{logits:?}");
    }
}

#[test]
fn penalties_and_bias_move_the_best() {
    type Row = (&'static str, fn(&mut Sampling), &'static [u32], u32);
    // Logits 4, 3, -2; the prompt is [0], what follows in the row is the answer so far.
    let table: [Row; 9] = [
        ("nothing", |_| (), &[], 0),
        (
            "presence counts once",
            |s| s.presence_penalty = 0.9,
            &[0, 0, 0],
            0,
        ),
        ("presence", |s| s.presence_penalty = 1.1, &[0], 1),
        (
            "presence leaves the prompt alone",
            |s| s.presence_penalty = 2.0,
            &[],
            0,
        ),
        (
            "frequency counts each",
            |s| s.frequency_penalty = 0.4,
            &[0, 0, 0],
            1,
        ),
        (
            "frequency once is not enough",
            |s| s.frequency_penalty = 0.4,
            &[0],
            0,
        ),
        (
            "repetition counts the prompt",
            |s| s.repetition_penalty = 1.5,
            &[],
            1,
        ),
        (
            "a negative presence invites",
            |s| s.presence_penalty = -6.5,
            &[2],
            2,
        ),
        ("bias", |s| s.logit_bias = vec![(2, 6.5), (77, 1.0)], &[], 2),
    ];
    for (name, change, answer, expected) in table {
        let sampling = sampling(|s| {
            s.temperature = 0.0;
            change(s);
        });
        let tokens: Vec<u32> = [0].iter().chain(answer).copied().collect();
        let around = Surroundings {
            tokens: &tokens,
            generated_from: 1,
            allowed: None,
        };
        let counts = counts(&sampling, &[4.0, 3.0, -2.0], around, 2);
        assert_eq!(counts[expected as usize], 2, "{name}: {counts:?}");
    }
}

#[test]
fn repetition_pushes_negative_logits_further_down() {
    let sampling = sampling(|s| (s.temperature, s.repetition_penalty) = (0.0, 2.0));
    let around = Surroundings {
        tokens: &[0],
        generated_from: 1,
        allowed: None,
    };
    assert_eq!(counts(&sampling, &[-1.0, -1.5], around, 1), [0, 1]);
}

#[test]
fn a_mask_cannot_be_overruled() {
    let allowed = [0b1000_u32];
    for sampling in [
        sampling(|s| s.temperature = 0.0),
        sampling(|_| ()),
        sampling(|s| s.top_k = 3),
        sampling(|s| s.logit_bias = vec![(1, 100.0)]),
    ] {
        let around = Surroundings {
            allowed: Some(&allowed),
            ..Surroundings::default()
        };
        assert_eq!(counts(&sampling, &logits(), around, 20), [0, 0, 0, 20, 0]);
    }
}

#[test]
fn broken_logits_never_panic() {
    let broken: [&[f32]; 6] = [
        &[f32::NAN; 4],
        &[f32::NEG_INFINITY; 4],
        &[f32::INFINITY, f32::NAN, 0.0, f32::NEG_INFINITY],
        &[f32::MAX, -f32::MAX, f32::MIN_POSITIVE, 0.0],
        &[f32::INFINITY; 4],
        &[],
    ];
    for logits in broken {
        for temperature in [0.0, 1e-30, 1.0, 1e30, f32::INFINITY, f32::NAN] {
            for (top_k, top_p, min_p) in [(0, 1.0, 0.0), (2, 0.5, 0.1), (0, 0.0, 1.0), (9, f32::NAN, 5.0)] {
                let sampling = sampling(|s| {
                    (s.temperature, s.top_k, s.top_p, s.min_p) = (temperature, top_k, top_p, min_p);
                    s.logit_bias = vec![(0, f32::NAN), (1, f32::INFINITY)];
                    s.repetition_penalty = f32::NAN;
                });
                let mut scratch = Scratch::new(logits.len());
                let around = Surroundings {
                    tokens: &[0, 1, 99],
                    generated_from: 1,
                    allowed: None,
                };
                let chosen = Sampler::new(sampling, 3).choose(logits, around, &mut scratch);
                if let Ok(token) = chosen {
                    assert!((token as usize) < logits.len());
                }
            }
        }
    }
}

#[test]
fn a_seed_repeats_and_choices_differ() {
    let logits: Vec<f32> = vec![0.0; 1000];
    let series = |seed, choice| -> Vec<u32> {
        let sampling = sampling(|s| s.seed = Some(seed));
        let mut sampler = Sampler::new(sampling, 5).for_choice(choice);
        let mut scratch = Scratch::new(1000);
        (0..20)
            .map(|_| {
                sampler
                    .choose(&logits, Surroundings::default(), &mut scratch)
                    .unwrap()
            })
            .collect()
    };
    assert_eq!(series(1, 0), series(1, 0));
    assert_ne!(series(1, 0), series(2, 0));
    assert_ne!(series(1, 0), series(1, 1));
}
