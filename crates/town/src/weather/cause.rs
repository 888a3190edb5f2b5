//! Root causes of a failed request to a core, and what the program that met them writes.

use super::Service;

/// The innermost failure of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    ConnectionRefused,
    ConnectTimeout,
    ReadTimeout,
    Reset,
    ExpiredCertificate,
    /// The administrative password was changed at the institution.
    WrongPassword,
    Http(u16),
    SoapFault,
    /// Our name servers answer wrongly.
    UnknownHost,
    /// Our own pool of connections has none left.
    PoolTimeout,
    /// A well-formed refusal such as "record not found": part of an ordinary day, and no incident.
    Business,
}

impl Cause {
    /// The value of `error.type`.
    pub fn code(self) -> &'static str {
        match self {
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ReadTimeout => "read_timeout",
            Self::Reset => "connection_reset",
            Self::ExpiredCertificate => "tls_error",
            Self::WrongPassword => "authentication_failed",
            Self::Http(_) => "http_error",
            Self::SoapFault => "soap_fault",
            Self::UnknownHost => "unknown_host",
            Self::PoolTimeout => "pool_timeout",
            Self::Business => "business_error",
        }
    }

    /// The root's class and message, as a JVM prints it.
    pub(crate) fn root(self, host: &str, port: u16) -> String {
        match self {
            Self::ConnectionRefused => "java.net.ConnectException: Connection refused (Connection refused)".to_owned(),
            Self::ConnectTimeout => "java.net.SocketTimeoutException: connect timed out".to_owned(),
            Self::ReadTimeout => "java.net.SocketTimeoutException: Read timed out".to_owned(),
            Self::Reset => "java.net.SocketException: Connection reset".to_owned(),
            Self::ExpiredCertificate => "javax.net.ssl.SSLHandshakeException: PKIX path validation failed: \
                 java.security.cert.CertPathValidatorException: validity check failed"
                .to_owned(),
            Self::WrongPassword => {
                "com.example.symx.SymxException: 1.4 access denied: invalid administrative password".to_owned()
            }
            Self::Http(status) => {
                format!("com.example.symx.HttpStatusException: HTTP {status} from https://{host}:{port}/SymXchange")
            }
            Self::SoapFault => "javax.xml.ws.soap.SOAPFaultException: Unmarshalling Error: unexpected element".to_owned(),
            Self::UnknownHost => format!("java.net.UnknownHostException: {host}: Name or service not known"),
            Self::PoolTimeout => "org.apache.http.conn.ConnectionPoolTimeoutException: Timeout waiting for connection from pool \
                 (64 of 64 in use)"
                .to_owned(),
            Self::Business => "com.example.symx.SymxException: 200.12 record not found".to_owned(),
        }
    }

    /// How long the request took until it failed, in milliseconds.
    pub(crate) fn duration_ms(self, hash: u64) -> u32 {
        let jitter = (hash % 40) as u32;
        match self {
            Self::ConnectionRefused | Self::UnknownHost => 1 + jitter / 8,
            Self::ConnectTimeout => 10_000 + jitter,
            Self::ReadTimeout => 30_000 + jitter,
            Self::PoolTimeout => 5_000 + jitter,
            Self::Reset | Self::ExpiredCertificate => 20 + jitter,
            Self::WrongPassword | Self::Http(_) | Self::SoapFault | Self::Business => 60 + 3 * jitter,
        }
    }

    /// Whether the request counts as failed in the metrics.
    pub(crate) fn is_failure(self) -> bool {
        self != Self::Business
    }
}

/// The trace of a program that wraps each failure twice before it logs it.
pub(crate) fn stack_trace(root: &str, service: Service, operation: &str) -> String {
    format!(
        "com.example.banking.InteractionFailedException: {operation} failed\n\
         \tat com.example.banking.CoreClient.call(CoreClient.java:214)\n\
         \tat com.example.banking.{}.handle(Handler.java:88)\n\
         Caused by: java.util.concurrent.ExecutionException: {root}\n\
         \tat java.base/java.util.concurrent.CompletableFuture.reportGet(CompletableFuture.java:396)\n\
         \t... 2 more\n\
         Caused by: {root}\n\
         \tat com.example.banking.net.Wire.open(Wire.java:131)\n\
         \t... 14 more",
        if service == Service::HTTP { "HttpServer" } else { "RpcServer" }
    )
}
