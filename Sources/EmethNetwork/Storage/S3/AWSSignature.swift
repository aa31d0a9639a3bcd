import EmethKit
import Foundation

/// Signature Version 4 of Amazon Web Services, in the form that S3 takes: the path is encoded once, and the hash of
/// the body stands in a header of its own.
///
/// ```swift
/// let signature = AWSSignature(credentials: credentials, region: "us-east-1", seconds: 1_369_353_600)
/// signature.headers(method: "GET", host: host, path: "/test.txt", payload: AWSSignature.emptyPayload)
/// ```
/// Source: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference.
struct AWSSignature: Sendable {
  /// The hash of no bytes.
  static let emptyPayload = Hex.encode(SHA256.hash([UInt8]()).bytes, prefixed: false)
  /// What stands for the hash where the body is not signed.
  static let unsignedPayload = "UNSIGNED-PAYLOAD"

  private let credentials: AWSCredentials
  private let region: String
  private let service: String
  /// `20130524T000000Z`.
  private let time: String

  /// Signatures of one moment, unix seconds.
  init(credentials: AWSCredentials, region: String, seconds: UInt64, service: String = "s3") {
    self.credentials = credentials
    self.region = region
    self.service = service
    time = Self.text(of: seconds)
  }

  private var day: Substring { time.prefix(8) }
  private var scope: String { "\(day)/\(region)/\(service)/aws4_request" }

  /// A moment as `20130524T000000Z`.
  static func text(of seconds: UInt64) -> String {
    var moment = time_t(clamping: seconds)
    var parts = tm()
    gmtime_r(&moment, &parts)
    func digits(_ number: Int32, _ count: Int) -> String {
      let text = "\(number)"
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    return digits(parts.tm_year + 1_900, 4) + digits(parts.tm_mon + 1, 2) + digits(parts.tm_mday, 2) + "T"
      + digits(parts.tm_hour, 2) + digits(parts.tm_min, 2) + digits(parts.tm_sec, 2) + "Z"
  }

  /// Percent-encoding of everything but letters, digits and `-._~`; with `slash`, slashes stay as they are.
  static func encode(_ text: String, slash: Bool = false) -> String {
    var encoded = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      case UInt8(ascii: "/") where slash: encoded += "/"
      default:
        let digits = Array("0123456789ABCDEF")
        encoded += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
    return encoded
  }

  /// A query in the order in which it is signed, which is also how it is sent.
  static func query(_ members: [(name: String, value: String)]) -> String {
    members.map { (encode($0.name), encode($0.value)) }
      .sorted { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
      .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
  }

  /// The headers that a request needs besides `Host` and those that are given.
  ///
  /// - Parameters:
  ///   - path: encoded already.
  ///   - payload: SHA-256 of the body in hexadecimal digits, or ``unsignedPayload``.
  func headers(
    method: String, host: String, path: String, query: [(name: String, value: String)] = [],
    headers given: [(name: String, value: String)] = [], payload: String
  ) -> [(name: String, value: String)] {
    var added = [("x-amz-content-sha256", payload), ("x-amz-date", time)]
    if let token = credentials.sessionToken { added.append(("x-amz-security-token", token)) }
    let all = [("host", host)] + given.map { ($0.name.lowercased(), $0.value) } + added
    let names = all.map(\.0).sorted().joined(separator: ";")
    let signature = signature(method: method, path: path, query: query, headers: all, payload: payload)
    let authorization =
      "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
    return given + added.map { (name: $0.0, value: $0.1) } + [(name: "Authorization", value: authorization)]
  }

  /// Path and query of a request that whoever has them may send, for so many seconds (at most a week).
  ///
  /// - Parameter given: headers that the request must have, with these values and no others.
  func presigned(
    method: String, host: String, path: String, query: [(name: String, value: String)] = [],
    headers given: [(name: String, value: String)] = [], seconds: Int
  ) -> String {
    let headers = [("host", host)] + given.map { ($0.name.lowercased(), $0.value) }
    var query = query
    query.append(("X-Amz-Algorithm", "AWS4-HMAC-SHA256"))
    query.append(("X-Amz-Credential", "\(credentials.accessKey)/\(scope)"))
    query.append(("X-Amz-Date", time))
    query.append(("X-Amz-Expires", "\(seconds)"))
    query.append(("X-Amz-SignedHeaders", headers.map(\.0).sorted().joined(separator: ";")))
    if let token = credentials.sessionToken { query.append(("X-Amz-Security-Token", token)) }
    let signature = signature(
      method: method, path: path, query: query, headers: headers, payload: Self.unsignedPayload)
    return "\(path)?\(Self.query(query))&X-Amz-Signature=\(signature)"
  }

  private func signature(
    method: String, path: String, query: [(name: String, value: String)], headers: [(String, String)],
    payload: String
  ) -> String {
    let sorted = headers.sorted { $0.0 < $1.0 }
    // One space stands for several, and none at the ends.
    let lines = sorted.map { name, value in "\(name):\(value.split(separator: " ").joined(separator: " "))\n"
    }.joined()
    let request =
      "\(method)\n\(path)\n\(Self.query(query))\n\(lines)\n\(sorted.map(\.0).joined(separator: ";"))\n\(payload)"
    let hash = Hex.encode(SHA256.hash(Array(request.utf8)).bytes, prefixed: false)
    let text = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(hash)"
    var key = Array("AWS4\(credentials.secretKey)".utf8)
    for part in [String(day), region, service, "aws4_request", text] {
      key = HMACSHA256.authenticate(Array(part.utf8), key: key).bytes
    }
    return Hex.encode(key, prefixed: false)
  }
}
