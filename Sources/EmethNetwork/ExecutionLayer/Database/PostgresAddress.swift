import CPostgreSQL
import EmethKit

/// Which database of which PostgreSQL server, and as whom.
///
/// ```swift
/// let address = try PostgresAddress("postgres://emeth:secret@db.example:5432/emeth?sslmode=verify-full")
/// print(address)   // postgres://emeth@db.example:5432/emeth
/// ```
/// Whatever libpq reads in a URL counts, and what the URL does not say comes from the environment (PGPASSWORD,
/// PGPASSFILE) as libpq has it. The password is in no description and no error.
public struct PostgresAddress: Sendable, Hashable, CustomStringConvertible {
  /// libpq's keywords and values, in libpq's order.
  let parameters: [Parameter]

  struct Parameter: Sendable, Hashable {
    var keyword: String
    var value: String
  }

  /// The forms that are understood.
  public static let form =
    "postgres://user[:password]@host[:port]/name[?sslmode=…], or postgres://user@/name?host=/folder of a socket"

  /// Reads a URL.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)``, without the text: it may hold a password.
  public init(_ text: String) throws(NetworkError) {
    // What libpq says of a text it can't read quotes it.
    let refusal = NetworkError.badSetting(
      name: "database", found: "a text that is no such URL", allowed: Self.form)
    guard text.hasPrefix("postgres://") || text.hasPrefix("postgresql://"), !text.utf8.contains(0)
    else {
      throw refusal
    }
    var message: UnsafeMutablePointer<CChar>?
    guard let options = PQconninfoParse(text, &message) else {
      PQfreemem(message)
      throw refusal
    }
    defer { PQconninfoFree(options) }
    var parameters: [Parameter] = []
    var next = options
    while let keyword = next.pointee.keyword {
      if let value = next.pointee.val {
        parameters.append(
          Parameter(keyword: String(cString: keyword), value: String(cString: value)))
      }
      next += 1
    }
    self.parameters = parameters
    guard let name = self["dbname"], !name.isEmpty,
      self["port"].map({ UInt16($0) != nil }) ?? true
    else { throw refusal }
  }

  private subscript(keyword: String) -> String? {
    parameters.first { $0.keyword == keyword }?.value
  }

  /// The URL without password and options.
  public var description: String {
    let user = self["user"].map { "\($0)@" } ?? ""
    let host = self["host"] ?? self["hostaddr"] ?? ""
    let port = self["port"].map { ":\($0)" } ?? ""
    let name = self["dbname"] ?? ""
    return host.hasPrefix("/")
      ? "postgres://\(user)/\(name)?host=\(host)" : "postgres://\(user)\(host)\(port)/\(name)"
  }
}
