/// Counter-based random numbers: value `i` of stream `(seed, id, step)` depends on nothing else, so
/// results are the same for any number of threads and any order of items.
///
/// The mixing function is `SplitMix64`'s finalizer (Steele, Lea, Flood, OOPSLA 2014,
/// doi:10.1145/2660193.2660195) over a 64-bit key and a counter.
#[derive(Clone, Debug)]
pub struct Rng {
    key: u64,
    counter: u64,
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// The stream of `seed`, for item `id` at step `step`.
    pub fn new(seed: u64, id: &str, step: u64) -> Self {
        // FNV-1a over the name, then one round of mixing per part.
        let name = id.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        Self { key: mix(mix(mix(seed ^ 0x9E37_79B9_7F4A_7C15) ^ name) ^ step), counter: 0 }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(1);
        mix(self.key.wrapping_add(self.counter.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// Uniform in `[0, 1)`, 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform integer in `0..n`; `n` must not be 0. The bias is below `n / 2^64`.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// Standard normal (Box and Muller 1958, doi:10.1214/aoms/1177706645).
    pub fn normal(&mut self) -> f64 {
        let r = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        r * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Poisson with mean `lambda`: product of uniforms (Knuth) up to 30, above it split into halves
    /// through the additivity of the distribution, and a rounded normal beyond 10,000 where the two
    /// cannot be told apart.
    pub fn poisson(&mut self, lambda: f64) -> f64 {
        if lambda <= 0.0 || lambda.is_nan() {
            0.0
        } else if lambda > 1e4 {
            (lambda + lambda.sqrt() * self.normal()).round().max(0.0)
        } else if lambda > 30.0 {
            self.poisson(lambda / 2.0) + self.poisson(lambda / 2.0)
        } else {
            let limit = (-lambda).exp();
            let (mut k, mut p) = (0.0, self.uniform());
            while p > limit {
                k += 1.0;
                p *= self.uniform();
            }
            k
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, id: &str, step| {
            let mut rng = Rng::new(seed, id, step);
            (0..4).map(|_| rng.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "a", 0), draw(1, "a", 0));
        assert_ne!(draw(1, "a", 0), draw(2, "a", 0));
        assert_ne!(draw(1, "a", 0), draw(1, "b", 0));
        assert_ne!(draw(1, "a", 0), draw(1, "a", 1));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut rng = Rng::new(7, "moments", 0);
        let n = 100_000;
        let moments = |draws: Vec<f64>| {
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let var = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len() as f64;
            (mean, var)
        };
        // Tolerances are five standard errors.
        let (mean, var) = moments((0..n).map(|_| rng.normal()).collect());
        assert!(mean.abs() < 0.016 && (var - 1.0).abs() < 0.023, "{mean} {var}");
        for lambda in [3.0, 80.0] {
            let (mean, var) = moments((0..n).map(|_| rng.poisson(lambda)).collect());
            assert!((mean - lambda).abs() < 5.0 * (lambda / 1e5).sqrt(), "{mean}");
            assert!((var / lambda - 1.0).abs() < 0.03, "{var}");
        }
    }
}
