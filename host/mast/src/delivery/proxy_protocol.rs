//! The PROXY protocol: a balancer in front of us says in the first bytes of a connection whom it connects. Read from trusted peers on
//! listeners that ask for it, where it must then be there; from anybody else it is a request that makes no sense.

mod parse;

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt};

use parse::Source;

/// Reads the header and not a byte more. Who connected to the proxy; none where the proxy speaks for itself.
pub(super) async fn read(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut start = [0; parse::SIGNATURE.len()];
    socket.read_exact(&mut start).await?;
    let source = if start == parse::SIGNATURE {
        let mut fixed = [0; parse::FIXED];
        fixed[..start.len()].copy_from_slice(&start);
        socket.read_exact(&mut fixed[start.len()..]).await?;
        let mut rest = vec![0; parse::rest(&fixed).ok_or_else(invalid)?];
        socket.read_exact(&mut rest).await?;
        parse::binary(&fixed, &rest)
    } else if start.starts_with(parse::PREFIX) {
        let mut line = start.to_vec();
        // Byte by byte: what follows the line is the viewer's.
        while !line.ends_with(b"\r\n") {
            if line.len() >= parse::LONGEST_LINE {
                return Err(invalid());
            }
            line.push(socket.read_u8().await?);
        }
        parse::line(&line[..line.len() - 2])
    } else {
        None
    };
    match source.ok_or_else(invalid)? {
        Source::Client(address) => Ok(Some(address)),
        Source::Unknown => Ok(None),
    }
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no header of the PROXY protocol")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is read, and what is left for the request.
    fn check(bytes: &[u8], expected: Option<&str>, left: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut rest = bytes;
        let read = runtime.block_on(read(&mut rest)).expect("a header");
        assert_eq!(read.map(|address| address.to_string()).as_deref(), expected);
        assert_eq!(String::from_utf8_lossy(rest), left);
    }

    fn fails(bytes: &[u8]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut rest = bytes;
        let read = runtime.block_on(read(&mut rest));
        assert!(read.is_err(), "{:?}: {read:?}", String::from_utf8_lossy(bytes));
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [&parse::SIGNATURE[..], &[command, family], &length, rest, b"GET /"].concat()
    }

    #[test]
    fn lines() {
        check(b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\nGET /", Some("192.0.2.1:5"), "GET /");
        check(b"PROXY TCP6 2001:db8::1 2001:db8::2 65535 80\r\n", Some("[2001:db8::1]:65535"), "");
        check(b"PROXY UNKNOWN\r\nGET /", None, "GET /");
        check(b"PROXY UNKNOWN 1 2 3 4\r\nGET /", None, "GET /");
        for wrong in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 5\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5 80 1\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 05 80\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5 65536\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +5 80\r\n",
            "PROXY TCP4 2001:db8::1 192.0.2.2 5 80\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 5 80\r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 5 80\r\n",
            "PROXY  TCP4 192.0.2.1 192.0.2.2 5 80\r\n",
            "PROXY UNKNOWNX\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5 80\nGET / HTTP/1.1\n",
            "proxy tcp4 192.0.2.1 192.0.2.2 5 80\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "PROXY TCP4 192.0.2.1",
            "PROXY",
            "",
        ] {
            fails(wrong.as_bytes());
        }
        fails(&[&b"PROXY UNKNOWN "[..], &[b'x'; 200], b"\r\n"].concat());
    }

    #[test]
    fn binary_headers() {
        let v4 = [192, 0, 2, 1, 192, 0, 2, 2, 0, 5, 0, 80];
        check(&binary(0x21, 0x11, &v4), Some("192.0.2.1:5"), "GET /");
        check(&binary(0x21, 0x11, &[&v4[..], &[4, 0, 1, 0]].concat()), Some("192.0.2.1:5"), "GET /");
        let mut v6 = [0; 36];
        v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        v6[33] = 7;
        check(&binary(0x21, 0x21, &v6), Some("[2001:db8::]:7"), "GET /");
        check(&binary(0x20, 0x00, &[]), None, "GET /");
        check(&binary(0x21, 0x00, &[]), None, "GET /");
        check(&binary(0x21, 0x31, &[0; 216]), None, "GET /");
        fails(&binary(0x22, 0x11, &v4));
        fails(&binary(0x11, 0x11, &v4));
        fails(&binary(0x21, 0x41, &v4));
        fails(&binary(0x21, 0x11, &v4[..11]));
        fails(&binary(0x21, 0x21, &v4));
        fails(&binary(0x21, 0x11, &[0; 3000]));
        fails(&binary(0x21, 0x11, &v4)[..20]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), start in 0_usize..3) {
            let starts: [&[u8]; 3] = [b"", &parse::SIGNATURE, b"PROXY TCP4 "];
            let bytes = [starts[start], &bytes].concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let _ = runtime.block_on(read(&mut &bytes[..]));
        }
    }
}
