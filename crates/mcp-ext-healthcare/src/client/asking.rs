//! The two methods, from the client's side.

use mcp_core::client::{Client, ClientError};

use super::HealthcareClient;
use crate::protocol::{
    AUDIT_GET, AuditGetParams, AuditGetResult, CONSENT_EVALUATE, ConsentEvaluateParams,
    ConsentEvaluateResult, Purpose, Receipt, Reference,
};

impl HealthcareClient {
    /// Asks what a patient's Consents say to reading records of these types for a purpose (SPEC.md, CON-4). It is an access like a
    /// call, and leaves a receipt.
    ///
    /// ```
    /// # async fn show(client: mcp_core::client::Client, health: mcp_ext_healthcare::client::HealthcareClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use mcp_ext_healthcare::protocol::{ConsentDecision, Purpose};
    ///
    /// let patient = "Patient/123".parse()?;
    /// let says = health.evaluate_consent(&client, &patient, Purpose::new("HRESCH"), ["Observation"]).await?;
    /// if says.decision == ConsentDecision::Deny {
    ///     println!("not for research, by {:?}", says.consents);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ClientError::Rpc`] with -32602 if the principal may not see the patient, or the server denies it for another reason; its data
    /// hold a [`Denial`](crate::protocol::Denial) under the key of one. Others as [`ClientError`] has them.
    pub async fn evaluate_consent(
        &self,
        client: &Client,
        patient: &Reference,
        purpose: Purpose,
        resource_types: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<ConsentEvaluateResult, ClientError> {
        let types: Vec<String> = resource_types.into_iter().map(Into::into).collect();
        let params = ConsentEvaluateParams::new(patient.clone(), purpose, types);
        client.request_extension::<Self, _, _>(CONSENT_EVALUATE, &params).await
    }

    /// Asks for the event of a receipt (SPEC.md, AUD-5). [`verify_receipt`](super::verify_receipt) says whether it is what the
    /// receipt was given for.
    ///
    /// # Errors
    /// [`ClientError::Rpc`] with -32602 if there is no such receipt, or the access was another principal's. Others as [`ClientError`]
    /// has them.
    pub async fn audit_event(
        &self,
        client: &Client,
        receipt: &Receipt,
    ) -> Result<AuditGetResult, ClientError> {
        let params = AuditGetParams::new(receipt.id.as_str());
        client.request_extension::<Self, _, _>(AUDIT_GET, &params).await
    }
}
