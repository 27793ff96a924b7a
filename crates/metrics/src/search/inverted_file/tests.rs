use super::*;
use restora_image::Rng;

/// Codes in loose clouds.
fn codes(n: usize, dims: usize) -> Vec<u8> {
    let mut rng = Rng::new(1, "codes", 0);
    let clouds: Vec<f64> = (0..30 * dims).map(|_| 40.0 + 160.0 * rng.uniform()).collect();
    let mut all = Vec::with_capacity(n * dims);
    for _ in 0..n {
        let cloud = rng.below(30) as usize;
        for d in 0..dims {
            let v = clouds[cloud * dims + d] + 12.0 * rng.normal();
            all.push(v.clamp(0.0, 255.0) as u8);
        }
    }
    all
}

fn naive(codes: &[u8], dims: usize, query: &[u8], most: usize) -> Vec<Neighbor> {
    let mut all: Vec<Neighbor> = codes
        .chunks_exact(dims)
        .enumerate()
        .map(|(id, code)| {
            let square = |(a, b): (&u8, &u8)| (i64::from(*a) - i64::from(*b)).pow(2);
            let distance = code.iter().zip(query).map(square).sum::<i64>() as u32;
            Neighbor { id: id as u32, distance }
        })
        .collect();
    all.sort_by_key(|n| (n.distance, n.id));
    all.truncate(most);
    all
}

#[test]
fn all_lists_give_the_exact_answer_and_a_few_nearly_it() {
    for dims in [64, 130, 5] {
        let codes = codes(3000, dims);
        let options = InvertedFileOptions::default();
        let index = inverted_file(&codes, dims, &options, &Context::default()).unwrap();
        assert_eq!((index.len(), index.lists(), index.dims()), (3000, 54, dims));
        let mut right = 0;
        for query in codes.chunks_exact(dims).step_by(60) {
            let query: Vec<u8> = query.iter().map(|b| b.saturating_add(3)).collect();
            let wanted = naive(&codes, dims, &query, 7);
            assert_eq!(index.search(&query, 7, 54).unwrap(), wanted);
            right += usize::from(index.search(&query, 7, 4).unwrap()[0] == wanted[0]);
        }
        assert!(right >= 47, "{dims}: {right} of 50");
    }
}

#[test]
fn an_index_that_grew_finds_what_one_built_at_once_finds() {
    let codes = codes(2000, 64);
    let run = |threads| {
        let cx = Context::with_threads(threads);
        let mut index =
            inverted_file(&codes[..1000 * 64], 64, &InvertedFileOptions::default(), &cx).unwrap();
        index.add(&codes[1000 * 64..], &cx).unwrap();
        index
    };
    let index = run(1);
    assert_eq!(index, run(4));
    for id in [3usize, 999, 1000, 1999] {
        let query = &codes[id * 64..][..64];
        let found = index.search(query, 3, index.lists()).unwrap();
        assert_eq!(found, naive(&codes, 64, query, 3));
        assert_eq!(found[0], Neighbor { id: id as u32, distance: 0 });
    }
}

#[test]
fn an_index_put_together_from_its_parts_is_the_same() {
    let codes = codes(500, 64);
    let options = InvertedFileOptions::default();
    let index = inverted_file(&codes, 64, &options, &Context::default()).unwrap();
    let lists = || (0..index.lists()).map(|l| index.list(l));
    let whole = lists().map(|(ids, codes)| (ids.to_vec(), codes.to_vec())).collect();
    let centers = index.centers().to_vec();
    assert_eq!(InvertedFile::from_parts(64, centers.clone(), whole).unwrap(), index);
    // Codes kept elsewhere: the lists say where to look.
    let empty = vec![(vec![], vec![]); index.lists()];
    let outline = InvertedFile::from_parts(64, centers.clone(), empty).unwrap();
    let query = &codes[64 * 77..][..64];
    let mut nearest = Nearest::new(query, 5);
    for label in outline.nearest_lists(query, 3) {
        let (ids, codes) = index.list(label);
        nearest.look(ids, codes);
    }
    assert_eq!(nearest.sorted(), index.search(query, 5, 3).unwrap());
    let error = InvertedFile::from_parts(64, centers, vec![]).unwrap_err().to_string();
    assert!(error.contains("wanted a list of whole codes for each of 22 centers, got 0"));
}

#[test]
fn equal_codes_come_in_the_order_they_were_added() {
    let index = inverted_file(&[7; 640], 64, &InvertedFileOptions::default(), &Context::default());
    let found = index.unwrap().search(&[7; 64], 4, 100).unwrap();
    assert_eq!(found.iter().map(|n| n.id).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn bad_input_is_refused_by_name() {
    let cx = Context::default();
    let options = InvertedFileOptions::default();
    let error = |codes: &[u8], dims, options: &InvertedFileOptions| {
        inverted_file(codes, dims, options, &cx).unwrap_err().to_string()
    };
    assert!(error(&[0; 10], 4, &options).contains("wanted codes of 4 bytes, got 10"));
    assert!(error(&[], 4, &options).contains("at least one code"));
    let many = InvertedFileOptions { lists: 3, ..options };
    assert!(error(&[0; 8], 4, &many).contains("`lists`"));
    let index = inverted_file(&[0; 8], 4, &options, &cx).unwrap();
    assert!(index.search(&[0; 3], 1, 1).unwrap_err().to_string().contains("query of 4 bytes"));
    assert_eq!(index.search(&[0; 4], 0, 1), Ok(vec![]));
    assert_eq!(index.search(&[0; 4], 1, 0), Ok(vec![]));
}
