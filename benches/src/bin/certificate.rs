//! Makes the certificate that all TLS peers present: `certificate FOLDER`.

fn main() -> retwist_benches::args::Result<()> {
    let folder = std::env::args_os().nth(1).ok_or("certificate FOLDER")?;
    retwist_benches::certificate::make(folder.as_ref())
}
