//! What somebody says of an entry, and signs.

use mcp_core::protocol::JsonObject;

mcp_core::wire! {
    /// What one contributor says of the thing that an entry stands for.
    ///
    /// The contributor's name alone proves nothing; the signature does, once it is verified by the contributor's own
    /// DID document.
    pub struct TrustManifest {
        required {
            /// Who says it: an absolute URI, such as `did:web:example.com`.
            contributor: String = "contributor",
        }
        optional {
            /// The release of the thing that is meant. Must be there if it is signed.
            subject: Subject = "subject" => with_subject,
            /// The framework that the claims are made in.
            trust_schema: TrustSchema = "trustSchema" => with_trust_schema,
            /// Claims and where their evidence is.
            attestations: Vec<Attestation> = "attestations" => with_attestations,
            /// Where the thing comes from.
            provenance: Vec<ProvenanceLink> = "provenance" => with_provenance,
            /// What the contributor adds.
            extensions: JsonObject = "extensions" => with_extensions,
            /// The contributor's signature of all of this.
            signature: SignatureObject = "signature" => with_signature,
        }
    }
}

mcp_core::wire! {
    /// The release that a [`TrustManifest`] means: it repeats members of its entry, so that they are signed.
    pub struct Subject {
        required {
            /// The entry's `identifier`.
            identifier: String = "identifier",
            /// The entry's `type`.
            kind: String = "type",
        }
        optional {
            /// The entry's `digest`; there exactly if the entry has one.
            digest: String = "digest" => with_digest,
            /// The entry's `url`. Must be there if there is no digest.
            url: String = "url" => with_url,
            /// The entry's `version`; there exactly if the entry has one.
            version: String = "version" => with_version,
        }
    }
}

mcp_core::wire! {
    /// A signature of a [`TrustManifest`] or of a [`Catalog`](super::Catalog).
    pub struct SignatureObject {
        required {
            /// Who signs: an absolute URI. In a manifest the same as its contributor.
            signer: String = "signer",
            /// The rules by which it is verified, such as `did-web-v1`.
            profile: String = "profile",
            /// When it was signed, RFC 3339.
            issued_at: String = "issuedAt",
            /// The signature itself: a detached JWS in compact form.
            jws: String = "jws",
        }
        optional {
            /// When it is over, RFC 3339.
            expires_at: String = "expiresAt" => with_expires_at,
        }
    }
}

mcp_core::wire! {
    /// A framework in which claims are made.
    pub struct TrustSchema {
        required {
            /// Its name.
            identifier: String = "identifier",
            /// Its version.
            version: String = "version",
        }
        optional {
            /// Its policy.
            governance_uri: String = "governanceUri" => with_governance_uri,
            /// How its claims are verified.
            verification_methods: Vec<String> = "verificationMethods" => with_verification_methods,
        }
    }
}

mcp_core::wire! {
    /// A claim and where its evidence is.
    pub struct Attestation {
        required {
            /// What is claimed.
            kind: String = "type",
            /// Where the evidence is, or the evidence itself as a `data:` URL.
            uri: String = "uri",
        }
        optional {
            /// The evidence's digest.
            digest: String = "digest" => with_digest,
            /// The evidence's length in bytes.
            size: u64 = "size" => with_size,
            /// What it is, for people.
            description: String = "description" => with_description,
        }
    }
}

mcp_core::wire! {
    /// Where a thing comes from.
    pub struct ProvenanceLink {
        required {
            /// How the thing relates to its source, such as `publishedFrom`.
            relation: String = "relation",
            /// The source.
            source_id: String = "sourceId",
        }
        optional {
            /// The source's digest.
            source_digest: String = "sourceDigest" => with_source_digest,
            /// The registry that holds the source.
            registry_uri: String = "registryUri" => with_registry_uri,
            /// A statement about it.
            statement_uri: String = "statementUri" => with_statement_uri,
            /// The key that signed the statement.
            signature_ref: String = "signatureRef" => with_signature_ref,
        }
    }
}
