//! clamd, as far as assets talks to it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The file that every scanner takes for a virus.
pub(crate) const EICAR: &[u8] = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

/// What the played daemon does.
#[derive(Clone, Copy)]
pub(crate) enum Plays {
    /// Looks for the test virus.
    Verdict,
    /// Says this, whatever it was shown.
    Says(&'static [u8]),
    /// Ends the connection at once.
    HangsUp,
    /// Reads and says nothing.
    Sleeps,
}

/// Starts a daemon; returns where it listens.
pub(crate) async fn play(plays: Plays) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer(stream, plays));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, plays: Plays) {
    let mut command = [0; 10];
    stream.read_exact(&mut command).await.unwrap();
    assert_eq!(&command, b"zINSTREAM\0");
    match plays {
        Plays::HangsUp => return,
        Plays::Sleeps => std::future::pending().await,
        Plays::Verdict | Plays::Says(_) => {}
    }
    let mut content = Vec::new();
    loop {
        let length = stream.read_u32().await.unwrap();
        if length == 0 {
            break;
        }
        let mut piece = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut piece).await.unwrap();
        content.extend(piece);
    }
    let found = content.windows(EICAR.len()).any(|window| window == EICAR);
    let says: &[u8] = match plays {
        Plays::Says(says) => says,
        _ if found => b"stream: Eicar-Test-Signature FOUND\0",
        _ => b"stream: OK\0",
    };
    stream.write_all(says).await.unwrap();
}
