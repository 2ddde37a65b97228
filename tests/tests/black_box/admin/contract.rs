//! Whatever the OpenAPI document allows, and much that it does not: schemathesis sends it, for some seconds. No answer is a server error, and
//! none is other than the document says.

use std::path::Path;
use std::process::Command;

use mast_tests::clients::schemathesis;

use super::Office;

/// Requests against the whole document, with these header fields; what it said where it was not content.
async fn conforms(office: &Office, seconds: u32, fields: &[&str]) -> Result<(), String> {
    let mut command = Command::new(schemathesis());
    let document = office.host.url("/api/openapi.json");
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
    // One worker: two threads at once in the parser of Python 3.11 fail now and then ("AST constructor recursion depth mismatch").
    command.args(["run", &document, "--checks", checks, "--workers", "1", "--max-examples", "15"]);
    // Events go on for as long as anybody listens.
    command.args(["--exclude-path", "/api/v1/events"]);
    command.args(["--max-time", &seconds.to_string(), "--no-color", "--seed", "1"]);
    for field in fields {
        command.args(["--header", field]);
    }
    // It keeps a cache where it runs.
    let folder: &Path = office.host.folder();
    command.current_dir(folder);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    // 0: nothing to complain of. It says so too where the time was up.
    if output.status.success() {
        return Ok(());
    }
    // A traceback of its own may hold a whole file in a line.
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Err(said.lines().map(|line| line.chars().take(300).chain("\n".chars()).collect::<String>()).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_keeps_to_its_document() {
    let office = Office::open("");
    // Not the owner's own key: what is sent may revoke it, or switch its operator off.
    office.operator("keeper", "owner");
    let key = office.key("keeper", &[]);
    let field = format!("Authorization: Bearer {key}");
    conforms(&office, 15, &[&field]).await.unwrap();
    conforms(&office, 5, &[]).await.unwrap();
    assert_eq!(office.ask("GET", "/healthz").send().await.status, 200);
    let log = office.host.log();
    assert!(!log.contains("panicked") && !log.contains("\"level\":\"ERROR\""), "{log}");
}
