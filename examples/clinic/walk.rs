//! A client's walk through a clinic: what it may see, what is withheld, an emergency, a de-identified export, receipts.
#![allow(clippy::print_stdout)]

mod export;

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use mcp_core::client::{Client, ElicitAnswer, UrlRequest};
use mcp_core::protocol::CallToolResult;
use mcp_ext_healthcare::client::{Evidence, HealthcareClient, verify_receipt};
use mcp_ext_healthcare::protocol::{
    Confidentiality, Context, Minimize, ModelEgress, Obligation, Purpose,
};
use mcp_http::HttpTransport;
use mcp_trust::receipts::note::NoteKey;
use serde_json::{Value, json};

use super::ORIGIN;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Where the clinic is, and who walks.
pub struct Visit<'a> {
    /// The server.
    pub url: &'a str,
    /// The doctor's token, for the client.
    pub token: &'a str,
    /// The doctor's password, which only the doctor knows.
    pub password: &'a str,
    /// The patient whose record is open, such as `Patient/anna`.
    pub patient: &'a str,
    /// A patient of somebody else.
    pub other: &'a str,
    /// The key of the clinic's log of receipts, which it publishes.
    pub audit_key: NoteKey,
}

/// What the walk found, for a test to look at.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many conditions a client is given that may have normal data, and how many one that may have restricted data.
    pub conditions: (usize, usize),
    /// How many sections the patient's summary has, and how many of them have entries.
    pub summary: (usize, usize),
    /// How many records of the other patient were given before and after the doctor said that it is an emergency.
    pub emergency: (usize, usize),
    /// How many records were given de-identified, and whether anything of the patient was left in them.
    pub deidentified: (usize, bool),
    /// How many records were exported de-identified, and whether anything of the patient was left in the files.
    pub exported: (u64, bool),
    /// How many receipts were shown to be of events in the clinic's log.
    pub receipts: usize,
}

/// Walks.
///
/// # Errors
/// If the server does not answer as it should.
pub async fn walk(visit: &Visit<'_>) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    let mut receipts = Vec::new();
    let modest = host(Confidentiality::Normal);
    let trusted = host(Confidentiality::Restricted);

    println!("1. The record of {} is open. Its observations:", visit.patient);
    open(&modest, visit.patient)?;
    let client = connect(visit, &modest)?;
    let search = json!({ "resourceType": "Observation", "count": 5 });
    let result = client.call_tool("fhir_search", &search).await?;
    for record in records(&result) {
        println!("   {}", line(&record));
    }
    let evidence = Evidence::of(&result)?;
    let label = evidence.label.as_ref().ok_or("no label")?;
    println!(
        "   label: {:?}, {:?}; {} citations",
        label.phi,
        label.confidentiality,
        evidence.citations.len()
    );

    println!(
        "2. Its conditions, for a client that may have normal data, and for one that may have restricted data:"
    );
    let search = json!({ "resourceType": "Condition", "count": 100 });
    seen.conditions.0 = records(&client.call_tool("fhir_search", &search).await?).len();
    open(&trusted, visit.patient)?;
    let client = connect(visit, &trusted)?;
    seen.conditions.1 = records(&client.call_tool("fhir_search", &search).await?).len();
    println!("   {} and {}", seen.conditions.0, seen.conditions.1);

    println!("   Its summary:");
    let summary = client.call_tool("ips_summary", &json!({})).await?;
    seen.summary = sections(&summary);

    println!("3. The record of {}, whom this doctor does not work with:", visit.other);
    open(&trusted, visit.other)?;
    let everything = json!({ "count": 20 });
    let denied =
        connect_without_person(visit, &trusted)?.call_tool("fhir_everything", &everything).await?;
    seen.emergency.0 = records(&denied).len();
    println!("   {}", denied.all_text());
    let opened = client.call_tool("fhir_everything", &everything).await?;
    seen.emergency.1 = records(&opened).len();
    let evidence = Evidence::of(&opened)?;
    let label = evidence.label.as_ref().ok_or("no label")?;
    let obligations: Vec<&str> = label.obligations.iter().map(Obligation::as_str).collect();
    println!(
        "   as an emergency: {} records, obliging to {}",
        seen.emergency.1,
        obligations.join(", ")
    );

    println!("4. De-identified, as a model elsewhere may have it:");
    open(&trusted, visit.patient)?;
    deidentify(&trusted);
    let patient = json!({ "resourceType": "Patient" });
    let result = client.call_tool("fhir_search", &patient).await?;
    let id = visit.patient.rsplit('/').next().unwrap_or_default();
    for record in records(&result) {
        println!("   {record}");
        seen.deidentified.0 += 1;
        seen.deidentified.1 |= record["id"] == id || record.get("name").is_some();
    }

    println!("5. Everything of the patient, de-identified, exported as a task:");
    open(&trusted, visit.patient)?;
    let name = patient_name(&client, visit).await?;
    deidentify(&trusted);
    let (result, count, text) = export::export(visit, &trusted).await?;
    // Names have more than three letters, so that none is a part of some code.
    let is_left = |part: &String| part.len() > 3 && text.contains(part.as_str());
    seen.exported = (count, text.contains(visit.patient) || name.iter().any(is_left));
    let evidence = Evidence::of(&result)?;
    let label = evidence.label.ok_or("no label")?;
    receipts.extend(evidence.receipt);
    println!("   {count} records, {:?}; what is in them no model has seen", label.phi);

    println!(
        "6. The receipts of all that. The clinic gives the event of each, and shows that it is in its log:"
    );
    receipts.extend(modest.take_receipts());
    receipts.extend(trusted.take_receipts());
    for receipt in &receipts {
        let answer = trusted.audit_event(&client, receipt).await?;
        let keys = std::slice::from_ref(&visit.audit_key);
        match verify_receipt(receipt, &answer, ORIGIN, keys) {
            Ok(checkpoint) => {
                let event: Value = answer.event.parse()?;
                let what = event["action"].as_str().unwrap_or_default();
                println!("   {} {what}, one of {} entries", receipt.recorded, checkpoint.size());
                seen.receipts += 1;
            }
            Err(error) => println!("   {}: {error}", receipt.recorded),
        }
    }
    println!("   {} of {} verified", seen.receipts, receipts.len());
    client.close().await;
    Ok(seen)
}

/// Lets the host ask for de-identified records.
fn deidentify(host: &HealthcareClient) {
    let mut minimize = Minimize::new();
    minimize.deid = Some("safe-harbor".to_owned());
    host.set_minimize(Some(minimize));
}

/// What the patient is called, as the host knows it.
async fn patient_name(client: &Client, visit: &Visit<'_>) -> Result<Vec<String>, Error> {
    let read = json!({ "reference": visit.patient });
    let result = client.call_tool("fhir_read", &read).await?;
    let mut parts = Vec::new();
    for record in records(&result) {
        for name in record["name"].as_array().into_iter().flatten() {
            let given = name["given"].as_array().into_iter().flatten();
            parts.extend(
                given.chain([&name["family"]]).filter_map(Value::as_str).map(str::to_owned),
            );
        }
    }
    Ok(parts)
}

/// A host whose model runs on this machine, and that keeps what it is obliged to.
fn host(most: Confidentiality) -> HealthcareClient {
    HealthcareClient::new().max_confidentiality(most).model_egress(ModelEgress::Local).keeps([
        Obligation::NO_LOG,
        Obligation::NO_TRAIN,
        Obligation::NO_PERSIST,
        Obligation::NO_REDISCLOSE,
    ])
}

/// What the user opens in the host, and why.
fn open(host: &HealthcareClient, patient: &str) -> Result<(), Error> {
    host.set_context(Some(Context::new(
        patient.parse::<mcp_ext_healthcare::protocol::Reference>()?,
    )));
    host.set_purpose(Some(Purpose::new("TREAT")));
    host.set_minimize(None);
    Ok(())
}

fn transport(visit: &Visit<'_>) -> Result<HttpTransport, Error> {
    let bearer = format!("Bearer {}", visit.token);
    Ok(HttpTransport::builder(visit.url).header("Authorization", bearer).build()?)
}

fn connect_without_person(visit: &Visit<'_>, host: &HealthcareClient) -> Result<Client, Error> {
    let client =
        Client::builder("clinic-client", env!("CARGO_PKG_VERSION")).extension(host.clone());
    Ok(client.connect(transport(visit)?)?)
}

/// A client whose user opens the pages that the server names: here, the doctor types what only the doctor knows.
fn connect(visit: &Visit<'_>, host: &HealthcareClient) -> Result<Client, Error> {
    let password = visit.password.to_owned();
    let failure = Arc::new(Mutex::new(None::<String>));
    let client = Client::builder("clinic-client", env!("CARGO_PKG_VERSION"))
        .extension(host.clone())
        .on_elicit_url(move |page: UrlRequest| {
            let (password, failure) = (password.clone(), Arc::clone(&failure));
            async move {
                println!("   the server asks: {}", page.message);
                match attest(&page.url, &password).await {
                    Ok(()) => ElicitAnswer::accept(&()),
                    Err(error) => {
                        *failure.lock().unwrap_or_else(PoisonError::into_inner) =
                            Some(error.to_string());
                        ElicitAnswer::Cancel
                    }
                }
            }
        });
    Ok(client.connect(transport(visit)?)?)
}

/// What the doctor does in the browser.
async fn attest(url: &str, password: &str) -> Result<(), Error> {
    let form = format!(
        "name=doctor&password={password}&reason=ETREAT&justification=found+unconscious&attest=on"
    );
    let request = Request::post(url)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))?;
    let http = HttpClient::builder(TokioExecutor::new()).build_http();
    let answer = http.request(request).await?;
    let status = answer.status();
    let text = answer.into_body().collect().await?.to_bytes();
    println!("   the page says: {}", String::from_utf8_lossy(&text));
    if status.is_success() { Ok(()) } else { Err(format!("the page answered {status}").into()) }
}

fn records(result: &CallToolResult) -> Vec<Value> {
    let structured = result.structured_content.as_ref().and_then(|raw| raw.parse::<Value>().ok());
    let records = structured.and_then(|mut structured| match structured["records"].take() {
        Value::Array(records) => Some(records),
        _ => None,
    });
    records.unwrap_or_default()
}

/// Shows the sections of a summary, and says how many there are and how many have entries.
fn sections(result: &CallToolResult) -> (usize, usize) {
    let structured = result.structured_content.as_ref().and_then(|raw| raw.parse::<Value>().ok());
    let document =
        structured.map(|mut structured| structured["document"].take()).unwrap_or_default();
    let sections = document["entry"][0]["resource"]["section"].as_array();
    let mut counts = (0, 0);
    for section in sections.into_iter().flatten() {
        let entries = section["entry"].as_array().map_or(0, Vec::len);
        println!("   {}: {entries}", section["title"].as_str().unwrap_or_default());
        counts.0 += 1;
        counts.1 += usize::from(entries > 0);
    }
    counts
}

/// An observation in one line.
fn line(record: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = text(&record["code"]["text"]);
    let date = text(&record["effectiveDateTime"]);
    let quantity = |of: &Value| {
        let quantity = &of["valueQuantity"];
        quantity["value"].as_f64().map(|value| format!("{value} {}", text(&quantity["unit"])))
    };
    let parts = record["component"].as_array().into_iter().flatten().filter_map(&quantity);
    let values: Vec<String> = quantity(record).into_iter().chain(parts).collect();
    format!("{date}  {name}: {}", values.join(" / "))
}
