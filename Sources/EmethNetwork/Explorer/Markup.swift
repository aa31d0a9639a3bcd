/// HTML or SVG that is being put together. Text and values of attributes are escaped where they go in, and there is no
/// other way in: nothing that came from outside can become markup.
///
/// ```swift
/// let cell = element("td", .class("reason")) { subJob.reason }   // whatever the reason says, it is text
/// ```
struct Markup: Sendable, Hashable {
  /// As it is sent.
  let html: String

  /// Nothing.
  init() { html = "" }

  /// Text; what would be markup in it is escaped.
  init(_ text: String) { html = Self.escape(text) }

  /// Pieces one after another.
  init(joining pieces: [Markup]) { html = pieces.map(\.html).joined() }

  fileprivate init(name: StaticString, attributes: [Attribute], content: Markup) {
    let name = "\(name)"
    let written = attributes.compactMap(\.html).map { " \($0)" }.joined()
    html =
      Self.voidElements.contains(name)
      ? "<\(name)\(written)>" : "<\(name)\(written)>\(content.html)</\(name)>"
  }

  /// Elements that have no content and no end.
  private static let voidElements: Set<String> = ["br", "hr", "input", "link", "meta"]

  /// Text as it stands in an element or between quotes. Control characters, which HTML does not have, and those that
  /// turn the direction of writing around, by which a name could show as another, become the replacement character.
  fileprivate static func escape(_ text: String) -> String {
    var escaped = ""
    escaped.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      case "\n", "\t": escaped.unicodeScalars.append(scalar)
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}":
        escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// An attribute of an element. Its name is always a word of this program.
  struct Attribute: Sendable {
    fileprivate let html: String?

    /// An attribute; one whose value is `nil` is left out.
    init(_ name: StaticString, _ value: String?) {
      html = value.map { "\(name)=\"\(Markup.escape($0))\"" }
    }

    /// An attribute that is there or not.
    init(_ name: StaticString, _ isThere: Bool = true) { html = isThere ? "\(name)" : nil }

    static func `class`(_ names: StaticString...) -> Attribute {
      Attribute("class", names.map { "\($0)" }.joined(separator: " "))
    }
    static func id(_ id: String) -> Attribute { Attribute("id", id) }
    /// A link to a page of this server; there are no others.
    static func href(_ path: PagePath) -> Attribute { Attribute("href", "\(path)") }
    static func src(_ path: PagePath) -> Attribute { Attribute("src", "\(path)") }
    static func action(_ path: PagePath) -> Attribute { Attribute("action", "\(path)") }
  }
}

/// An element with what is in it.
func element(
  _ name: StaticString, _ attributes: Markup.Attribute..., @MarkupBuilder content: () -> Markup = { Markup() }
) -> Markup {
  Markup(name: name, attributes: attributes, content: content())
}

/// Puts text, elements and what conditions and loops give one after another.
@resultBuilder enum MarkupBuilder {
  static func buildExpression(_ text: String) -> Markup { Markup(text) }
  static func buildExpression(_ markup: Markup) -> Markup { markup }
  static func buildExpression(_ markup: Markup?) -> Markup { markup ?? Markup() }
  static func buildBlock(_ pieces: Markup...) -> Markup { Markup(joining: pieces) }
  static func buildArray(_ pieces: [Markup]) -> Markup { Markup(joining: pieces) }
  static func buildOptional(_ markup: Markup?) -> Markup { markup ?? Markup() }
  static func buildEither(first: Markup) -> Markup { first }
  static func buildEither(second: Markup) -> Markup { second }
}

/// The path of a page of this server, with its query. Every part is percent-encoded, so that it leads nowhere else.
struct PagePath: Sendable, Hashable, CustomStringConvertible {
  private(set) var parts: [String]
  private(set) var query: [Member]
  /// Where on the page.
  private(set) var fragment: String?

  /// A member of a query.
  struct Member: Sendable, Hashable {
    var name: String
    var value: String
  }

  init(_ parts: String..., query: [(String, String?)] = []) {
    self.parts = parts
    self.query = query.compactMap { name, value in value.map { Member(name: name, value: $0) } }
  }

  /// The same with a member of the query set; `nil` takes it away.
  func with(_ name: String, _ value: String?) -> PagePath {
    var path = self
    path.query.removeAll { $0.name == name }
    if let value { path.query.append(Member(name: name, value: value)) }
    return path
  }

  /// The same at a place on the page.
  func at(_ fragment: String) -> PagePath {
    var path = self
    path.fragment = fragment
    return path
  }

  var description: String {
    var text = "/" + parts.map(Self.encode).joined(separator: "/")
    let members = query.map { "\(Self.encode($0.name))=\(Self.encode($0.value))" }
    if !members.isEmpty { text += "?" + members.joined(separator: "&") }
    if let fragment { text += "#" + Self.encode(fragment) }
    return text
  }

  private static func encode(_ text: String) -> String {
    text.utf8.reduce(into: "") { encoded, byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default: encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
  }
}
