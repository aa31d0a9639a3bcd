import EmethKit
import Foundation

/// What a store has answered.
struct S3Answer: Sendable {
  var status: Int
  var headers: [String: String]
  var body: Data

  /// The text of the body's first element of a name.
  func text(_ tag: String) -> String? { XMLElements(body).texts(tag).first }

  /// Whether the body is a document and no error. A store that works on something for long sends white space first, and
  /// after that, with the status of success, perhaps an error.
  var isDocument: Bool {
    let body = body.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
    var text = String(decoding: body.prefix(1_024), as: UTF8.self)[...]
    if text.hasPrefix("<?") {
      guard let end = text.range(of: "?>") else { return false }
      text = text[end.upperBound...].drop { $0.isWhitespace }
    }
    guard text.first == "<" else { return false }
    let name = text.dropFirst().prefix { !$0.isWhitespace && $0 != ">" && $0 != "/" }
    // What is cut off in its name is none.
    guard !name.isEmpty, name.endIndex != text.endIndex, name != "Error" else { return false }
    return true
  }
}

/// The few things that a store's XML says, read without a parser: elements by their names, wherever they stand.
struct XMLElements {
  private let text: Substring

  init(_ data: Data) { text = String(decoding: data, as: UTF8.self)[...] }

  private init(_ text: Substring) { self.text = text }

  /// The elements of a name, in order; one in another of the same name is none.
  func elements(_ tag: String) -> [XMLElements] {
    var found: [XMLElements] = []
    var rest = text
    while let start = rest.range(of: "<\(tag)>"),
      let end = rest[start.upperBound...].range(of: "</\(tag)>")
    {
      found.append(XMLElements(rest[start.upperBound..<end.lowerBound]))
      rest = rest[end.upperBound...]
    }
    return found
  }

  /// The texts of the elements of a name.
  func texts(_ tag: String) -> [String] { elements(tag).map(\.plain) }

  private var plain: String {
    var plain = String(text)
    for (name, character) in [
      ("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"),
    ] {
      plain = plain.replacingOccurrences(of: name, with: character)
    }
    return plain.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

extension NetworkError {
  /// What a store's refusal means for who runs the server.
  init(_ answer: S3Answer, of address: S3Address, doing what: String) {
    let found =
      answer.text("Code")
      ?? ((200..<300).contains(answer.status) ? "nothing that could be read" : "status \(answer.status)")
    let code: String
    switch found {
    case "NoSuchBucket": code = "storage.noBucket"
    case "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken", "InvalidToken",
      "AuthorizationHeaderMalformed", "status 401", "status 403":
      code = "storage.denied"
    case "RequestTimeTooSkewed": code = "storage.clockSkew"
    case "QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "status 507": code = "storage.full"
    default: code = "storage.failed"
    }
    self = .storageFailed(
      code: code, place: "\(address) at \(address.endpoint)", reason: "\(what): the store says \(found)")
  }
}
