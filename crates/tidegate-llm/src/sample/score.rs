//! How likely tokens are, for reports.
//!
//! Reported are the model's own probabilities: before bias, penalties, temperature and filters, as
//! vLLM does by default.

use super::vector;

/// How many of the best tokens can be reported.
pub const TOP_MOST: usize = 20;

/// The natural logarithm of the probability of `token`, and into `top` the best tokens with theirs,
/// best first. Allocates nothing if `top` has room for `count` more.
pub fn score(logits: &[f32], token: u32, count: usize, top: &mut Vec<(u32, f32)>) -> f32 {
    let count = count.min(TOP_MOST).min(logits.len());
    let largest = vector::largest(logits).min(f32::MAX);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a logarithm of a probability in f32 is the field's habit"
    )]
    let log_sum = vector::sum_exp(logits, largest).ln() as f32;
    let log = |logit: f32| {
        if logit.is_nan() {
            f32::NEG_INFINITY
        } else {
            (logit - largest).min(0.0) - log_sum
        }
    };

    let mut best = [(0_u32, f32::NEG_INFINITY); TOP_MOST];
    let mut found = 0;
    let mut least = f32::NEG_INFINITY;
    for (token, logit) in (0_u32..).zip(logits) {
        // One comparison for all but a few: false for what is not a number.
        let is_better = *logit > least || (found < count && !logit.is_nan());
        if !is_better || count == 0 {
            continue;
        }
        let place = best[..found].partition_point(|other| other.1 >= *logit);
        found = (found + 1).min(count);
        best[place..found].rotate_right(1);
        best[place] = (token, *logit);
        if found == count {
            least = best[count - 1].1;
        }
    }
    top.extend(best[..found].iter().map(|(token, logit)| (*token, log(*logit))));
    logits
        .get(token as usize)
        .map_or(f32::NEG_INFINITY, |logit| log(*logit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_logarithms_of_probabilities() {
        let logits = [1.0_f32, 3.0, 2.0, f32::NAN, f32::NEG_INFINITY];
        let sum: f32 = [1.0_f32, 3.0, 2.0].iter().map(|logit| logit.exp()).sum();
        let mut top = Vec::new();
        let chosen = score(&logits, 2, 9, &mut top);
        assert!((chosen - (2.0 - sum.ln())).abs() < 1e-6);
        assert_eq!(
            top.iter().map(|(token, _)| *token).collect::<Vec<_>>(),
            [1, 2, 0, 4]
        );
        let total: f32 = top.iter().map(|(_, log)| log.exp()).sum();
        assert!((total - 1.0).abs() < 1e-6);
        assert_eq!(score(&logits, 3, 0, &mut top), f32::NEG_INFINITY);
    }

    #[test]
    fn the_best_twenty_of_many_come_in_order() {
        let logits: Vec<f32> = (0..1000_u32)
            .map(|token| ((token * 7919) % 1000) as f32 / 10.0)
            .collect();
        let mut top = Vec::new();
        score(&logits, 0, 20, &mut top);
        let mut expected: Vec<u32> = (0..1000).collect();
        expected.sort_by(|first, second| logits[*second as usize].total_cmp(&logits[*first as usize]));
        assert_eq!(
            top.iter().map(|(token, _)| *token).collect::<Vec<_>>(),
            expected[..20]
        );
    }

    #[test]
    fn equal_logits_keep_the_order_of_their_numbers() {
        let mut top = Vec::new();
        score(&[1.0; 8], 0, 3, &mut top);
        assert_eq!(top.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
