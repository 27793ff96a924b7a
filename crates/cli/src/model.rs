//! `restora model`: files of weights shown, imported, exported.

use crate::learning_arguments::{ImportArgs, ModelArgs, ModelCommand};
use crate::table::table;
use crate::{End, print};
use anyhow::bail;
use restora::Error;
use restora::model::{self, read_weights};
use restora::nn::{self, Model, Precision, Weights};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

pub fn run(args: &ModelArgs) -> anyhow::Result<End> {
    match &args.command {
        ModelCommand::Show { file, json } => show(file, *json),
        ModelCommand::Import(args) => import(args),
        ModelCommand::Export { file, output, precision, card, overwrite } => {
            export(file, output, precision, card, *overwrite)
        }
    }
}

/// The shape that a net is described at: its own, or a small picture with what it is told beside.
fn shape_of(net: &Model) -> [usize; 3] {
    let side = 64_usize.next_multiple_of(net.alignment().max(1));
    let channels = net.channels() + net.conditioning().channels();
    net.fixed_shape().unwrap_or([channels, side, side])
}

fn show(file: &Path, as_json: bool) -> anyhow::Result<End> {
    let weights = read_weights(file)?;
    let net = Model::of(&weights.card).map_err(|e| Error::Nn(e).in_file(file))?;
    weights.check(&net.graph()).map_err(|e| Error::Nn(e).in_file(file))?;
    let bytes = std::fs::metadata(file)?.len();
    let numbers: usize = weights.tensors.values().map(|t| t.data().len()).sum();
    let shape = shape_of(&net);
    let cost = net.graph().multiply_adds(shape).map_err(Error::from)?;
    let per_pixel = cost / (shape[1] * shape[2]).max(1);
    if as_json {
        let tensors: Vec<_> =
            weights.tensors.iter().map(|(n, t)| json!({"name": n, "shape": t.shape()})).collect();
        let all = json!({
            "card": weights.card, "bytes": bytes, "numbers": numbers, "layers": net.graph().nodes().len(),
            "multiply_adds_per_pixel": per_pixel, "fixed_shape": net.fixed_shape(), "tensors": tensors,
        });
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
        return Ok(End::Done);
    }
    let card = &weights.card;
    let mut text = format!("{}\n\n", model::to_text(&net));
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<16}{value}");
        }
    };
    let colors = if net.channels() == 1 { "gray" } else { "color" };
    line("file", format!("{bytes} bytes"));
    line("numbers", numbers.to_string());
    line("multiply-adds", format!("{per_pixel} a pixel"));
    line(
        "input",
        match net.fixed_shape() {
            Some([_, h, w]) => format!("{colors} pictures of {w}x{h}"),
            None => format!("{colors} pictures of any size"),
        },
    );
    line("data", card.data.clone());
    line("seed", card.seed.map_or(String::new(), |s| s.to_string()));
    line("license", card.license.clone());
    line("version", card.version.clone());
    line("tool", card.tool.clone());
    for (name, score) in &card.scores {
        line("score", format!("{name}: {score:.4}"));
    }
    if !card.recipe.is_null() {
        line("recipe", card.recipe.to_string());
    }
    let rows: Vec<_> =
        weights.tensors.iter().map(|(n, t)| vec![n.clone(), format!("{:?}", t.shape())]).collect();
    let _ = write!(text, "\n{}", table(&["tensor", "shape"], &[], &rows));
    print(&text)?;
    Ok(End::Done)
}

fn import(args: &ImportArgs) -> anyhow::Result<End> {
    let wanted = model::from_text(&args.architecture)?;
    let bytes = model::read_bytes(&args.file)?;
    let named = |e: nn::NnError| Error::Nn(e).in_file(&args.file);
    let mut tensors = nn::import::read(&bytes).map_err(named)?;
    drop(bytes);
    if let Some(file) = &args.key_map {
        let text = std::fs::read_to_string(file)
            .map_err(|source| Error::Io { path: file.clone(), source })?;
        let map = nn::import::KeyMap::parse(&text).map_err(|e| Error::Nn(e).in_file(file))?;
        tensors = map.apply(tensors).map_err(named)?;
    }
    let fits = nn::weights::check(&tensors, &wanted.graph()).is_ok();
    let (found, tensors) = match &wanted {
        _ if fits => (wanted.clone(), tensors),
        Model::DnCnn(_) => {
            let (net, tensors) = nn::import::dncnn(tensors).map_err(named)?;
            (Model::DnCnn(net), tensors)
        }
        Model::FfdNet(_) => {
            use nn::import::SubImages::{ColumnMajor, RowMajor};
            let order = if args.sub_images == "row-major" { RowMajor } else { ColumnMajor };
            let (net, tensors) = nn::import::ffdnet(tensors, order).map_err(named)?;
            (Model::FfdNet(net), tensors)
        }
        _ => {
            nn::weights::check(&tensors, &wanted.graph()).map_err(named)?;
            (wanted.clone(), tensors)
        }
    };
    // What was said of the net must be so; what was not said is found.
    let said = args.architecture.contains(':');
    if said && found != wanted {
        let (found, wanted) = (model::to_text(&found), model::to_text(&wanted));
        bail!(Error::Input(format!(
            "{}: the file holds `{found}`, not `{wanted}`",
            args.file.display()
        )));
    }
    let mut card = found.card();
    card.license.clone_from(&args.license);
    card.data =
        format!("imported from {}", args.file.file_name().unwrap_or_default().to_string_lossy());
    let bytes = Weights { card, tensors }.to_bytes(Precision::F32).map_err(named)?;
    restora::data::write_atomically(&args.output, &bytes, args.overwrite).map_err(Error::from)?;
    print(&format!("{}: {}\n", args.output.display(), model::to_text(&found)))?;
    Ok(End::Done)
}

fn export(
    file: &Path,
    output: &Path,
    precision: &str,
    said: &[String],
    overwrite: bool,
) -> anyhow::Result<End> {
    let mut weights = read_weights(file)?;
    for text in said {
        let card = &mut weights.card;
        let (field, value) = match text.split_once('=') {
            Some(("data", value)) => (&mut card.data, value),
            Some(("license", value)) => (&mut card.license, value),
            Some(("version", value)) => (&mut card.version, value),
            _ => bail!(Error::Usage(format!(
                "--card wants data=TEXT, license=TEXT or version=TEXT, got `{text}`"
            ))),
        };
        value.clone_into(field);
    }
    let net = Model::of(&weights.card).map_err(|e| Error::Nn(e).in_file(file))?;
    weights.check(&net.graph()).map_err(|e| Error::Nn(e).in_file(file))?;
    let ending = output.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let bytes = match (ending, precision) {
        ("onnx", "f32") => {
            nn::onnx::export(&net.graph(), &weights.tensors, shape_of(&net), Some(&weights.card))
        }
        ("onnx", _) => bail!(Error::Usage("ONNX is written at f32; leave --precision out".into())),
        ("safetensors", "f16") => weights.to_bytes(Precision::F16),
        ("safetensors", "int8") => weights.to_bytes(Precision::Int8),
        ("safetensors", _) => weights.to_bytes(Precision::F32),
        _ => bail!(Error::Usage(format!(
            "{}: nets are written as .onnx or .safetensors",
            output.display()
        ))),
    };
    let bytes = bytes.map_err(|e| Error::Nn(e).in_file(file))?;
    restora::data::write_atomically(output, &bytes, overwrite).map_err(Error::from)?;
    print(&format!("{}: {} bytes\n", output.display(), bytes.len()))?;
    Ok(End::Done)
}
