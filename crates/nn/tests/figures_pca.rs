//! PCA on the SMILEs faces: the figure that the autoencoders stand beside.

use restora_image::{Context, Rng};
use restora_nn::pca::{Matrix, Pca, PcaOptions, Solver};
use restora_testkit::{read_png, shared};

const SIDE: usize = 32;
const COLUMNS: usize = 115;
const FACES: usize = 13_165;

/// 90 and 10 percent of the faces, in seeded order.
fn faces() -> (Vec<f32>, Vec<f32>) {
    let name = "data/small_images/faces/smiles_gray32_13165_mosaic115cols.png";
    let mosaic = read_png(&shared().join(name));
    let plane = mosaic.plane(0);
    let mut order: Vec<usize> = (0..FACES).collect();
    let mut rng = Rng::new(0, "split", 0);
    for i in (1..FACES).rev() {
        order.swap(i, rng.below(i as u64 + 1) as usize);
    }
    let mut rows = Vec::with_capacity(FACES * SIDE * SIDE);
    for face in order {
        for y in 0..SIDE {
            let row = plane.row(face / COLUMNS * SIDE + y);
            rows.extend_from_slice(&row[face % COLUMNS * SIDE..][..SIDE]);
        }
    }
    let test = rows.split_off(FACES * 9 / 10 * SIDE * SIDE);
    (rows, test)
}

/// NumPy 2, `linalg.svd` on the peers' split: 0.00456 with a code of 32 numbers.
#[test]
#[ignore = "needs the shared sets"]
fn a_code_of_32_numbers_leaves_0_00456_of_the_faces_and_the_randomized_solver_no_more() {
    let (train, test) = faces();
    let (train, test) = (Matrix::new(&train, 1024).unwrap(), Matrix::new(&test, 1024).unwrap());
    let cx = Context::default();
    let [exact, randomized] = [Solver::Exact, Solver::Randomized].map(|solver| {
        let start = std::time::Instant::now();
        let options = PcaOptions { solver, ..PcaOptions::default() };
        let pca = Pca::fit(&train, 32, &options, &cx).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let mse = pca.mse(&test, &cx).unwrap();
        println!("{solver:?}: test MSE {mse:.6}, fitted in {seconds:.2} s");
        mse
    });
    assert!((exact - 0.00456).abs() < 0.0001, "{exact}");
    assert!((randomized / exact - 1.0).abs() < 2e-3, "{randomized} against {exact}");
}
