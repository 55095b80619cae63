//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Finds servers of the Model Context Protocol, checks them, lists what they offer, calls their tools.
///
/// Exit codes: 0 done; 1 done, and the answer is no (a tool failed, a signature does not hold, a card differs, a log was
/// changed); 2 the command line is wrong; 3 nobody there; 4 the server refuses; 5 a file of this machine; 6 a question
/// without a terminal; 130 interrupted.
#[derive(Parser)]
#[command(name = "mcp", version, propagate_version = true)]
pub(crate) struct Cli {
    /// One JSON object on standard output, errors as one on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists the servers of a domain, a catalog or an address.
    Discover(DiscoverOptions),
    /// Shows, verifies, signs and compares server cards.
    #[command(subcommand)]
    Card(CardCommand),
    /// Makes and shows keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Lists what a server offers.
    List(ListOptions),
    /// Calls a tool of a server.
    ///
    /// Arguments are `name=value`, where the value is what the tool's schema says (text, a number, true or false, JSON), or
    /// `name:=JSON`.
    #[command(
        override_usage = "mcp call [OPTIONS] <SERVER> <TOOL> [NAME=VALUE]...\n       mcp call [OPTIONS] <TOOL> [NAME=VALUE]... -- <COMMAND>..."
    )]
    Call(CallOptions),
    /// Verifies logs of receipts.
    #[command(subcommand)]
    Receipts(ReceiptsCommand),
}

/// How documents are fetched.
#[derive(Args)]
pub(crate) struct FetchOptions {
    /// Lets documents be fetched from this machine, also over http:. For tests and development.
    #[arg(long)]
    pub(crate) allow_loopback: bool,
}

#[derive(Args)]
pub(crate) struct DiscoverOptions {
    /// A domain, or the address of a catalog, a card or a server.
    pub(crate) target: String,
    /// Whose signatures are trusted, such as did:web:example.com. May be repeated.
    #[arg(long, value_name = "DID")]
    pub(crate) pin: Vec<String>,
    #[command(flatten)]
    pub(crate) fetch: FetchOptions,
}

#[derive(Subcommand)]
pub(crate) enum CardCommand {
    /// Shows a card: from a file, an address, or of a server.
    Show(CardOptions),
    /// Judges a card, and whether somebody stands for it.
    Verify(VerifyOptions),
    /// Writes a catalog entry for a card, signed with a key for a did:web name.
    Sign(SignOptions),
    /// Holds a card against what its server says of itself.
    Drift(DriftOptions),
}

#[derive(Args)]
pub(crate) struct CardOptions {
    /// A file (- for standard input), or the address of a card or of its server.
    pub(crate) card: String,
    #[command(flatten)]
    pub(crate) fetch: FetchOptions,
}

#[derive(Args)]
pub(crate) struct VerifyOptions {
    /// A file (- for standard input), or the address of a card or of its server.
    pub(crate) card: String,
    /// The catalog that names the card, or an entry of one, in a file. Without it, the card alone is judged.
    #[arg(long, value_name = "FILE")]
    pub(crate) entry: Option<PathBuf>,
    /// The DID document of a signer, in a file, instead of the one that its domain has. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) did: Vec<PathBuf>,
    /// Whose signatures are trusted, such as did:web:example.com. May be repeated.
    #[arg(long, value_name = "DID")]
    pub(crate) pin: Vec<String>,
    /// The answer is no unless the card has at least this trust.
    #[arg(long, value_enum, default_value = "unsigned")]
    pub(crate) require: Level,
    #[command(flatten)]
    pub(crate) fetch: FetchOptions,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Level {
    Unsigned,
    DigestMatched,
    Signed,
    Pinned,
}

#[derive(Args)]
pub(crate) struct SignOptions {
    /// The card, in a file (- for standard input).
    pub(crate) card: PathBuf,
    /// The secret key, in a file: an ES256 one, as the profile did-web-v1 asks for.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Who signs, such as did:web:example.com.
    #[arg(long, value_name = "DID")]
    pub(crate) did: String,
    /// Where the card will be served.
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// For how many days the signature holds.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub(crate) days: u32,
    /// Writes the entry to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Writes the DID document with the key to a file, for `/.well-known/did.json`.
    #[arg(long, value_name = "FILE")]
    pub(crate) did_out: Option<PathBuf>,
    /// Replaces files that exist.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct DriftOptions {
    /// A file (- for standard input), or the address of a card or of its server.
    pub(crate) card: String,
    /// The server's endpoint, instead of the one that the card names.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    #[command(flatten)]
    pub(crate) http: HttpOptions,
    #[command(flatten)]
    pub(crate) fetch: FetchOptions,
}

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Makes a key: the secret goes into a file of its owner's alone, the public part to standard output.
    New(NewKeyOptions),
    /// Shows the public part of a key.
    Show(ShowKeyOptions),
}

#[derive(Args)]
pub(crate) struct NewKeyOptions {
    /// The file for the secret key.
    pub(crate) file: PathBuf,
    /// What the key is for.
    #[arg(long, value_enum, default_value = "es256")]
    pub(crate) algorithm: KeyAlgorithm,
    /// The key's name, instead of its thumbprint: for did:web, the whole of it, did:web:example.com#2026.
    #[arg(long, value_name = "NAME")]
    pub(crate) id: Option<String>,
    /// Replaces a file that exists.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KeyAlgorithm {
    /// ECDSA on P-256: for catalogs and agent cards.
    Es256,
    /// Ed25519: for checkpoints of receipt logs.
    Ed25519,
}

#[derive(Args)]
pub(crate) struct ShowKeyOptions {
    /// The file with the secret key.
    pub(crate) file: PathBuf,
    /// Shows it as the key of signed notes under this name, such as example.com/receipts (Ed25519 alone).
    #[arg(long, value_name = "NAME")]
    pub(crate) note: Option<String>,
}

/// How servers are asked over HTTP.
#[derive(Args)]
pub(crate) struct HttpOptions {
    /// A header for every request, `Name: value`. May be repeated. Others on this machine may see it: see --bearer-env.
    #[arg(long, value_name = "HEADER")]
    pub(crate) header: Vec<String>,
    /// An environment variable whose value is sent as bearer token.
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) bearer_env: Option<String>,
    /// How many seconds to wait without an answer or progress.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout: u64,
}

#[derive(Args)]
pub(crate) struct ListOptions {
    /// The server's address, unless a command follows.
    pub(crate) server: Option<String>,
    /// What to list. Everything that the server offers, if nothing is said.
    #[arg(long, value_enum)]
    pub(crate) only: Option<Kind>,
    #[command(flatten)]
    pub(crate) http: HttpOptions,
    /// The command that starts the server.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Tools,
    Prompts,
    Resources,
    Templates,
}

#[derive(Args)]
pub(crate) struct CallOptions {
    /// The server's address (unless a command follows), the tool, and its arguments.
    #[arg(required = true, value_name = "WORD")]
    pub(crate) words: Vec<String>,
    /// The arguments as one JSON object; - reads it from standard input.
    #[arg(long, value_name = "JSON")]
    pub(crate) args: Option<String>,
    #[command(flatten)]
    pub(crate) http: HttpOptions,
    /// The command that starts the server.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Subcommand)]
pub(crate) enum ReceiptsCommand {
    /// Verifies a log, and that it goes on from a checkpoint.
    Verify(ReceiptsOptions),
}

#[derive(Args)]
pub(crate) struct ReceiptsOptions {
    /// The log.
    pub(crate) log: PathBuf,
    /// A checkpoint that was kept elsewhere: only with one is it found that the end was cut off.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// A key that the checkpoint must be signed with, name+hint+key, or a file with it. May be repeated.
    #[arg(long, value_name = "KEY", requires = "checkpoint")]
    pub(crate) key: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_holds_together() {
        super::Cli::command().debug_assert();
    }
}
