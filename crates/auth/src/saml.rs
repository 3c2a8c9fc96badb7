//! SAML 2.0 bearer assertions (RFC 7522), signed with RSA-SHA256 and enveloped (XML Signature).
//!
//! The text is written in exclusive canonical form (XML-EXC-C14N) from the start: no blanks between
//! elements, attributes in order, empty elements as pairs, namespaces where they are used. What is
//! hashed is therefore the text itself.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use valetkey_base::Timestamp;
use valetkey_catalog::schema::AssertionRecipe;
use valetkey_catalog::{Scope, render, scalar_text};

use crate::keys::{Algorithm, SignError, SigningKey};
use crate::mode::Context;

const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const XS: &str = "http://www.w3.org/2001/XMLSchema";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A clock this far behind ours still takes the assertion.
const SKEW: Duration = Duration::from_mins(1);

/// The assertion as base64 of its XML; unsigned when there is no key.
pub(crate) fn assertion(
    context: &Context<'_>,
    recipe: &AssertionRecipe,
    scope: &Scope<'_>,
    key: Option<&SigningKey>,
    lifetime: Duration,
) -> Result<String, SignError> {
    let id = format!("_{}", context.rng.hex(16));
    let body = Parts { context, recipe, scope, ends: context.now.plus(lifetime) };
    let (issuer, rest) = (body.issuer(), body.rest());
    let start = format!(
        "<saml:Assertion xmlns:saml=\"{SAML}\" ID=\"{id}\" IssueInstant=\"{}\" Version=\"2.0\">",
        seconds(context.now)
    );
    let unsigned = format!("{start}{issuer}{rest}</saml:Assertion>");
    let text = match key {
        None => unsigned,
        Some(key) => {
            let signature = signature(&id, &unsigned, key)?;
            format!("{start}{issuer}{signature}{rest}</saml:Assertion>")
        }
    };
    Ok(STANDARD.encode(text))
}

/// When an assertion stops to hold.
pub(crate) fn ends_at(assertion: &str) -> Option<Timestamp> {
    let text = String::from_utf8(STANDARD.decode(assertion).ok()?).ok()?;
    let (_, rest) = text.split_once("NotOnOrAfter=\"")?;
    Timestamp::parse_iso(rest.split_once('"')?.0)
}

struct Parts<'a> {
    context: &'a Context<'a>,
    recipe: &'a AssertionRecipe,
    scope: &'a Scope<'a>,
    ends: Timestamp,
}

impl Parts<'_> {
    fn filled(&self, template: Option<&String>) -> Option<String> {
        render(template?, self.scope).ok().filter(|text| !text.is_empty())
    }

    fn issuer(&self) -> String {
        let issuer = self.filled(self.recipe.issuer.as_ref()).unwrap_or_default();
        format!("<saml:Issuer>{}</saml:Issuer>", content(&issuer))
    }

    /// Everything after the signature.
    fn rest(&self) -> String {
        let mut text = self.subject();
        text.push_str(&self.conditions());
        text.push_str(&self.statement());
        text.push_str(&self.attributes());
        text
    }

    fn subject(&self) -> String {
        let name = self.filled(self.recipe.name_identifier.as_ref()).unwrap_or_default();
        let recipient = self.filled(self.recipe.recipient.as_ref());
        let recipient = recipient
            .map(|recipient| format!(" Recipient=\"{}\"", attribute(&recipient)))
            .unwrap_or_default();
        format!(
            "<saml:Subject>\
             <saml:NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\">{}\
             </saml:NameID>\
             <saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
             <saml:SubjectConfirmationData NotOnOrAfter=\"{}\"{recipient}>\
             </saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>",
            content(&name),
            seconds(self.ends)
        )
    }

    fn conditions(&self) -> String {
        let audiences = self.filled(self.recipe.audiences.as_ref()).unwrap_or_default();
        let audiences: Vec<String> = audiences
            .split(',')
            .map(str::trim)
            .filter(|audience| !audience.is_empty())
            .map(|audience| format!("<saml:Audience>{}</saml:Audience>", content(audience)))
            .collect();
        let restriction = if audiences.is_empty() {
            String::new()
        } else {
            let audiences = audiences.concat();
            format!("<saml:AudienceRestriction>{audiences}</saml:AudienceRestriction>")
        };
        format!(
            "<saml:Conditions NotBefore=\"{}\" NotOnOrAfter=\"{}\">{restriction}</saml:Conditions>",
            seconds(self.context.now.minus(SKEW)),
            seconds(self.ends)
        )
    }

    fn statement(&self) -> String {
        let session = self.filled(self.recipe.session_index.as_ref());
        let session = session
            .map(|session| format!(" SessionIndex=\"{}\"", attribute(&session)))
            .unwrap_or_default();
        format!(
            "<saml:AuthnStatement AuthnInstant=\"{}\"{session}><saml:AuthnContext>\
             <saml:AuthnContextClassRef>\
             urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport\
             </saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>",
            seconds(self.context.now)
        )
    }

    fn attributes(&self) -> String {
        let mut text = String::new();
        for (name, template) in &self.recipe.attributes {
            let value = scalar_text(template).and_then(|text| render(&text, self.scope).ok());
            let Some(value) = value else { continue };
            // Writing to a text cannot fail.
            let _ = write!(
                text,
                "<saml:Attribute Name=\"{}\"><saml:AttributeValue xmlns:xs=\"{XS}\" \
                 xmlns:xsi=\"{XSI}\" xsi:type=\"xs:string\">{}</saml:AttributeValue>\
                 </saml:Attribute>",
                attribute(name),
                content(&value)
            );
        }
        if text.is_empty() {
            return text;
        }
        format!("<saml:AttributeStatement>{text}</saml:AttributeStatement>")
    }
}

/// The `Signature` element over the assertion without it.
fn signature(id: &str, unsigned: &str, key: &SigningKey) -> Result<String, SignError> {
    let hash = digest::digest(&digest::SHA256, unsigned.as_bytes());
    // `xs` only occurs in the value of `xsi:type`, where canonicalization does not look for it.
    let prefixes = format!(
        "<ec:InclusiveNamespaces xmlns:ec=\"{C14N}\" PrefixList=\"xs\"></ec:InclusiveNamespaces>"
    );
    let inside = format!(
        "<ds:CanonicalizationMethod Algorithm=\"{C14N}\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\">\
         </ds:SignatureMethod>\
         <ds:Reference URI=\"#{id}\"><ds:Transforms>\
         <ds:Transform Algorithm=\"{DS}enveloped-signature\"></ds:Transform>\
         <ds:Transform Algorithm=\"{C14N}\">{prefixes}</ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
         <ds:DigestValue>{}</ds:DigestValue></ds:Reference>",
        STANDARD.encode(hash)
    );
    // On its own the element declares the namespace its parent declares in the document.
    let canonical = format!("<ds:SignedInfo xmlns:ds=\"{DS}\">{inside}</ds:SignedInfo>");
    let value = key.sign(Algorithm::Rs256, canonical.as_bytes())?;
    Ok(format!(
        "<ds:Signature xmlns:ds=\"{DS}\"><ds:SignedInfo>{inside}</ds:SignedInfo>\
         <ds:SignatureValue>{}</ds:SignatureValue></ds:Signature>",
        STANDARD.encode(value)
    ))
}

fn seconds(instant: Timestamp) -> String {
    instant.format("%Y-%m-%dT%H:%M:%SZ")
}

/// Text of an element as canonical XML writes it, without what XML 1.0 cannot hold.
fn content(text: &str) -> String {
    escaped(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

/// Value of an attribute as canonical XML writes it.
fn attribute(text: &str) -> String {
    escaped(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '"' => Some("&quot;"),
        '\t' => Some("&#x9;"),
        '\n' => Some("&#xA;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

fn escaped(text: &str, escape: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match escape(c) {
            Some(escaped) => out.push_str(escaped),
            None if c.is_control() && !matches!(c, '\t' | '\n') => {}
            None => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[path = "saml_tests.rs"]
mod tests;
