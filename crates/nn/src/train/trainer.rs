//! The state of a training run, one step at a time.
//!
//! A step is a pure function of the state and the batch, and the whole state goes through
//! [`Trainer::state`] and [`Trainer::resume`]: a run that was killed and resumed gives the same bytes as one
//! that was not, on the same machine.

use super::optimizer::Moments;
use super::{Loss, Optimizer, Schedule};
use crate::engine::Net;
use crate::engine::parallel::{squares, zip};
use crate::{Gpu, Graph, NnError, Tensor, Tensors, Value};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Inputs and what should come out.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What the net is given.
    pub input: Value,
    /// What it should make of it.
    pub target: Value,
}

/// How a net is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainerOptions {
    /// What is made small.
    pub loss: Loss,
    /// How weights follow gradients.
    pub optimizer: Optimizer,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// Steps of the whole run.
    pub steps: u64,
    /// The largest norm of a gradient over all weights; longer ones are shortened. 0: none.
    pub clip: f32,
    /// Decay of the exponential moving average of the weights, which is what is kept in the end
    /// (Polyak and Juditsky 1992, doi:10.1137/0330046); young runs average less. 0: none.
    pub ema: f32,
    /// Where random weights come from.
    pub seed: u64,
}

impl Default for TrainerOptions {
    fn default() -> Self {
        Self {
            loss: Loss::Mse,
            optimizer: Optimizer::Adam,
            schedule: Schedule::default(),
            steps: 10_000,
            clip: 1.0,
            ema: 0.999,
            seed: 0,
        }
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// The loss of the batch, before the step.
    pub loss: f64,
    /// Norm of the gradient over all weights.
    pub gradient_norm: f64,
    /// The learning rate.
    pub rate: f32,
}

/// A net on its way.
#[derive(Debug)]
pub struct Trainer {
    net: Net,
    average: Vec<Vec<f32>>,
    moments: Vec<Moments>,
    step: u64,
    options: TrainerOptions,
    gpu: Option<Gpu>,
}

impl Trainer {
    /// Starts with the weights of `net`.
    ///
    /// # Errors
    /// [`NnError::Param`] if an option is out of range.
    pub fn new(net: Net, options: TrainerOptions) -> Result<Self, NnError> {
        options.optimizer.validate()?;
        options.schedule.validate()?;
        for (name, value) in [("clip", options.clip), ("ema", options.ema)] {
            if !(value >= 0.0 && (value < 1.0 || name == "clip")) {
                return Err(NnError::Param(format!(
                    "`{name}` must be 0 or more (ema below 1), got {value}"
                )));
            }
        }
        let average = net.parameters.iter().map(|p| p.data.clone()).collect();
        let moments = vec![Moments::default(); net.parameters.len()];
        Ok(Self { net, average, moments, step: 0, options, gpu: None })
    }

    /// Computes the gradients there from now on; everything else stays as it is.
    #[must_use]
    pub fn on(self, gpu: Option<Gpu>) -> Self {
        Self { gpu, ..self }
    }

    /// Where gradients are computed, if not on the CPU.
    pub fn gpu(&self) -> Option<&Gpu> {
        self.gpu.as_ref()
    }

    /// Steps done.
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// How it is trained.
    pub fn options(&self) -> &TrainerOptions {
        &self.options
    }

    /// The net with its newest weights.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// The weights to keep: their average over time, or the newest ones where none is taken.
    pub fn weights(&self) -> Tensors {
        if self.options.ema == 0.0 {
            return self.net.tensors();
        }
        self.net.tensors_of(&self.average)
    }

    /// One step.
    ///
    /// # Errors
    /// [`NnError::Input`] where the batch does not fit, [`NnError::Diverged`] where loss or gradient
    /// are no longer finite; the weights are then those before the step.
    pub fn step(&mut self, batch: Batch, threads: usize) -> Result<Report, NnError> {
        let Batch { input, target } = batch;
        let loss = self.options.loss;
        let mut failed = None;
        let judge = |output: &Value| {
            loss.of(output, &target).unwrap_or_else(|error| {
                failed = Some(error);
                (f64::NAN, Value::zeros(output.n, output.shape()))
            })
        };
        let found = match &self.gpu {
            Some(gpu) => gpu.step(&mut self.net, &input, judge)?,
            None => self.net.step(input, false, threads, judge)?,
        };
        if let Some(error) = failed {
            return Err(error);
        }
        let norm = found.gradients.iter().map(|g| squares(g)).sum::<f64>().sqrt();
        let rate = self.options.schedule.rate(self.step, self.options.steps);
        let report = Report { loss: found.loss, gradient_norm: norm, rate };
        if !found.loss.is_finite() || !norm.is_finite() {
            let step = self.step;
            return Err(NnError::Diverged(format!(
                "training diverged at step {step}: loss {}, norm of the gradient {norm}; a lower learning \
                 rate than {rate} may help",
                found.loss
            )));
        }
        let clip = f64::from(self.options.clip);
        let scale = if clip > 0.0 && norm > clip { (clip / norm) as f32 } else { 1.0 };
        self.step += 1;
        let (optimizer, step) = (self.options.optimizer, self.step);
        let all = self.net.parameters.par_iter_mut().zip(&found.gradients).zip(&mut self.moments);
        all.filter(|((p, _), _)| p.trained).for_each(|((parameter, gradient), moments)| {
            let columns = parameter.columns();
            optimizer.update(&mut parameter.data, columns, gradient, moments, [rate, scale], step);
        });
        self.follow();
        found.gradients.into_iter().for_each(|g| self.net.pool.give(g));
        Ok(report)
    }

    /// Moves the average after a step.
    fn follow(&mut self) {
        if self.options.ema == 0.0 {
            return;
        }
        let young = (1.0 + self.step as f32) / (10.0 + self.step as f32);
        let keep = self.options.ema.min(young);
        for (average, parameter) in self.average.iter_mut().zip(&self.net.parameters) {
            zip(average, &parameter.data, 2, move |a, w| a + (1.0 - keep) * (w - a));
        }
    }

    /// Everything but the options: weights (`net/`), their average (`average/`), moments (`first/`,
    /// `second/`), each in the net's own order, and the step.
    pub fn state(&self) -> (Tensors, u64) {
        let mut tensors = Tensors::new();
        let mut add = |part: &str, name: &str, data: &[f32]| {
            if let Ok(tensor) = Tensor::new(vec![data.len()], data.to_vec()) {
                tensors.insert(format!("{part}/{name}"), tensor);
            }
        };
        for (i, parameter) in self.net.parameters.iter().enumerate() {
            let name = &parameter.name;
            add("net", name, &parameter.data);
            add("average", name, &self.average[i]);
            add("first", name, &self.moments[i].first);
            add("second", name, &self.moments[i].second);
        }
        (tensors, self.step)
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// [`NnError::Input`] where the state is of another net, [`NnError::Param`] as for [`Trainer::new`].
    pub fn resume(
        graph: Graph,
        options: TrainerOptions,
        mut tensors: Tensors,
        step: u64,
    ) -> Result<Self, NnError> {
        let mut trainer = Self::new(Net::random(graph, 0), options)?;
        trainer.step = step;
        for (i, parameter) in trainer.net.parameters.iter_mut().enumerate() {
            let length = parameter.data.len();
            let mut take = |part: &str, to: &mut Vec<f32>, may_be_empty: bool| {
                let name = format!("{part}/{}", parameter.name);
                match tensors.remove(&name).map(Tensor::into_data) {
                    Some(data) if data.len() == length || (may_be_empty && data.is_empty()) => {
                        *to = data;
                        Ok(())
                    }
                    came => {
                        let came =
                            came.map_or("nothing".to_owned(), |d| format!("{} numbers", d.len()));
                        Err(NnError::Input(format!(
                            "the checkpoint's `{name}` wants {length} numbers, got {came}"
                        )))
                    }
                }
            };
            take("average", &mut trainer.average[i], false)?;
            take("first", &mut trainer.moments[i].first, true)?;
            take("second", &mut trainer.moments[i].second, true)?;
            let mut data = Vec::new();
            take("net", &mut data, false)?;
            parameter.data = data;
        }
        Ok(trainer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let mut graph = Graph::new(1);
        let a = graph.conv("a", 0, [1, 8], 3);
        let a = graph.push(crate::Op::BatchNorm { name: "n".into(), channels: 8 }, &[a]);
        let a = graph.relu(a);
        graph.conv("b", a, [8, 1], 3);
        graph
    }

    fn batch(step: u64) -> Batch {
        let mut rng = restora_image::Rng::new(7, "batch", step);
        let mut draw = || -> Vec<f32> { (0..2 * 64).map(|_| rng.uniform() as f32).collect() };
        let target = Value::from_planes(2, [1, 8, 8], &draw()).unwrap();
        let noise = Value::from_planes(2, [1, 8, 8], &draw()).unwrap();
        let mut input = target.clone();
        input.data_mut().iter_mut().zip(noise.data()).for_each(|(x, n)| *x += 0.1 * n);
        Batch { input, target }
    }

    fn run(trainer: &mut Trainer, steps: std::ops::Range<u64>, threads: usize) {
        for step in steps {
            trainer.step(batch(step), threads).unwrap();
        }
    }

    #[test]
    fn a_resumed_run_equals_an_uninterrupted_one() {
        for optimizer in [
            Optimizer::Sgd { momentum: 0.9 },
            Optimizer::AdamW { weight_decay: 0.01 },
            Optimizer::Adamax,
            Optimizer::Muon { weight_decay: 0.1 },
        ] {
            let options = TrainerOptions { optimizer, steps: 12, ..TrainerOptions::default() };
            let mut straight = Trainer::new(Net::random(graph(), 1), options.clone()).unwrap();
            run(&mut straight, 0..12, 1);
            let mut first = Trainer::new(Net::random(graph(), 1), options.clone()).unwrap();
            run(&mut first, 0..5, 2);
            let (tensors, step) = first.state();
            let mut second = Trainer::resume(graph(), options, tensors, step).unwrap();
            run(&mut second, 5..12, 1);
            assert_eq!(second.state(), straight.state());
            assert_eq!(second.weights(), straight.weights());
        }
    }

    #[test]
    fn a_net_learns_one_batch_by_heart() {
        let schedule = Schedule { peak: 1e-2, ..Schedule::default() };
        let options = TrainerOptions { steps: 600, schedule, ..TrainerOptions::default() };
        let mut trainer = Trainer::new(Net::random(graph(), 1), options).unwrap();
        let first = trainer.step(batch(0), 1).unwrap().loss;
        let last = (0..599).map(|_| trainer.step(batch(0), 1).unwrap().loss).last().unwrap();
        assert!(last < 0.05 * first, "{last} after {first}");
    }

    #[test]
    fn divergence_is_an_error_and_leaves_the_weights() {
        let mut trainer = Trainer::new(Net::random(graph(), 1), TrainerOptions::default()).unwrap();
        let before = trainer.weights();
        let mut bad = batch(0);
        bad.target.data_mut()[3] = f32::NAN;
        let error = trainer.step(bad, 1).unwrap_err();
        assert!(error.to_string().contains("diverged at step 0"), "{error}");
        assert_eq!(trainer.weights(), before);
    }
}
