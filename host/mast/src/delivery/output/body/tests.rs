use std::io::Read;

use http_body_util::BodyExt as _;
use mast_model::{ByteSize, InstanceId};
use proptest::prelude::*;

use super::super::answer::Part;
use super::super::fragments::{FragmentKey, Fragments, Look};
use super::super::packed::Packer;
use super::*;

/// Own parts, and fragments wherever the number is odd.
fn packing(parts: &[Vec<u8>]) -> Packing {
    let fragments = Fragments::new(ByteSize::mib(64));
    let mut packer = Packer::new();
    let part = |(number, bytes): (usize, &Vec<u8>)| {
        packer.write(bytes);
        let packed = packer.finish();
        if number % 2 == 0 {
            return Part::Own(Arc::new(packed));
        }
        let key = FragmentKey::new(&InstanceId::new("one").unwrap(), 0, None, number as u64, "");
        let Look::Missing(making) = fragments.look(key) else { panic!("it was made before") };
        Part::Shared(key, making.keep(packed).unwrap())
    };
    let parts = parts.iter().enumerate().map(part).collect();
    Packing::new(parts, false)
}

/// What comes of a body, and the largest piece of it.
fn read(mut body: Body) -> (Vec<u8>, usize) {
    let told = body.size_hint().exact().expect("a length");
    let (mut bytes, mut largest) = (Vec::new(), 0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            largest = largest.max(data.len());
            bytes.extend_from_slice(&data);
            assert_eq!(body.size_hint().exact(), Some(told - bytes.len() as u64));
        }
    });
    assert!(body.is_end_stream());
    assert_eq!(told, bytes.len() as u64);
    (bytes, largest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn packed_and_unpacked_are_the_same(
        parts in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(0_u8..2, 0..200_000),
            prop::collection::vec(any::<u8>(), 30_000..80_000),
        ], 0..8),
    ) {
        let plain = parts.concat();
        let (unpacked, largest) = read(Unpacked::body(packing(&parts)));
        prop_assert!(unpacked == plain && largest <= 2 * SLICE);
        let (packed, _) = read(Gzip::body(packing(&parts)));
        let mut found = Vec::new();
        // One member only: this decoder stops behind the first, and nothing may be left.
        let mut rest = &packed[..];
        flate2::bufread::GzDecoder::new(&mut rest).read_to_end(&mut found).unwrap();
        prop_assert!(found == plain && rest.is_empty());
    }
}

#[test]
fn shared_bytes_go_out_as_they_are() {
    for pieces in
        [vec![], vec![Bytes::from_static(b"one")], vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]]
    {
        assert_eq!(read(Plain::body(pieces.clone())).0, pieces.concat());
    }
}

#[test]
fn what_was_sent_is_let_go_of() {
    let parts: Vec<Arc<Packed>> = (0..4_u8)
        .map(|number| {
            let mut packer = Packer::new();
            packer.write(&vec![number; 100_000]);
            Arc::new(packer.finish())
        })
        .collect();
    let packing = Packing::new(parts.iter().map(|part| Part::Own(Arc::clone(part))).collect(), false);
    let mut body = Unpacked::body(packing);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        while let Some(frame) = body.frame().await {
            frame.unwrap();
            let left = body.size_hint().exact().unwrap();
            let held = parts.iter().filter(|part| Arc::strong_count(part) > 1).count() as u64;
            assert!(held <= left.div_ceil(100_000) + 1, "{held} parts for {left} bytes");
        }
    });
}
