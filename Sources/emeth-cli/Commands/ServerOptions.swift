import EmethKit
import EmethNetwork
import Foundation

/// The flags by which a command speaks to a server instead of working on a folder of this machine.
enum ServerOptions {
  static let server = Flag(
    "server", .server, absent: "the one in EMETH_SERVER, else the local network",
    help: "server of the network, http://HOST:PORT or https://HOST:PORT")
  static let only = Flag(
    "server", .server, absent: "the one in EMETH_SERVER",
    help: "server of the network, http://HOST:PORT or https://HOST:PORT")

  /// The flags of a command that speaks for an account.
  static let signed: [any CommandFlag] = [server, KeyOptions.keyFile, KeyOptions.passwordFile]
  /// The same of a command that works with servers only.
  static let signedOnly: [any CommandFlag] = [only, KeyOptions.keyFile, KeyOptions.passwordFile]

  /// The server that is meant; `nil` is a local network.
  static func address(_ parsed: ParsedCommand, _ context: CommandContext) throws -> ServerAddress? {
    if let given = parsed[server] {
      if parsed.definition.flag(named: "network") != nil, parsed.isGiven(NetworkOptions.network) {
        throw UsageError.contradiction(
          rule: "--server and --network name two networks: give one of them", command: parsed.definition.name)
      }
      return given
    }
    if parsed.definition.flag(named: "network") != nil, parsed.isGiven(NetworkOptions.network) { return nil }
    guard let text = context.environment["EMETH_SERVER"], !text.isEmpty else { return nil }
    do throws(NetworkError) {
      return try ServerAddress(text)
    } catch {
      throw CommandFailure(
        .usage, code: error.code, "EMETH_SERVER: \(error.message)", hint: nil, details: ["found": text])
    }
  }

  /// A client of the server that is meant; `nil` is a local network.
  ///
  /// - Parameter signed: whether the command needs the account's key; others use one that is named, and need none.
  static func client(
    _ parsed: ParsedCommand, _ context: CommandContext, signed: Bool
  ) throws -> ServerClient? {
    guard let server = try address(parsed, context) else { return nil }
    let key = signed ? try KeyOptions.load(parsed, context) : nil
    return ServerClient(server: server, key: key, settings: settings(context))
  }

  /// The same of a command that works with servers only.
  static func requiredClient(
    _ parsed: ParsedCommand, _ context: CommandContext, signed: Bool
  ) throws -> ServerClient {
    guard let client = try client(parsed, context, signed: signed) else {
      throw CommandFailure(
        .usage, code: "server.missing", "\(parsed.definition.name): no server is named",
        hint: "give --server URL or set EMETH_SERVER")
    }
    return client
  }

  /// The network that a node or a verifier works for, and its key: the one given, or that of the flags.
  static func connection(
    _ parsed: ParsedCommand, _ context: CommandContext, key: PrivateKey? = nil
  ) throws -> (HTTPConnection, PrivateKey) {
    let server = try requiredClient(parsed, context, signed: false).server
    let key = try key ?? KeyOptions.load(parsed, context)
    return (try HTTPConnection(server: "\(server)", key: key, settings: settings(context)), key)
  }

  /// The domain in which the network of a node or a verifier signs. A server that is away is waited for.
  static func domain(
    of connection: HTTPConnection, _ parsed: ParsedCommand, _ context: CommandContext
  ) async throws -> EIP712Domain {
    let talk = context.talk
    let task = Task { () async throws -> EIP712Domain in
      var isTold = false
      while true {
        do throws(NetworkError) {
          return try await connection.facts().domain
        } catch {
          switch error {
          case .unreachable, .serverFailed:
            if !isTold, !parsed[CommonFlags.json] { talk.note("\(error.message): it is waited for") }
            isTold = true
          default: throw error
          }
        }
        try await Task.sleep(for: .seconds(2))
      }
    }
    context.cancellation.onRequest { task.cancel() }
    do {
      return try await task.value
    } catch {
      try context.cancellation.check()
      throw error
    }
  }

  /// How requests are sent: EMETH_CA_FILE names certificates that servers' follow from, beside the system's own way.
  static func settings(_ context: CommandContext) -> ClientSettings {
    var settings = ClientSettings()
    if let file = context.environment["EMETH_CA_FILE"], !file.isEmpty {
      settings.certificateAuthority = URL(filePath: file)
    }
    return settings
  }
}

extension ValueType where Value == ServerAddress {
  /// The URL of a server.
  static var server: Self {
    let allowed = "http://HOST[:PORT] or https://HOST[:PORT]"
    return Self(name: "URL", allowed: allowed) { text throws(ValueRefusal) in
      guard let address = try? ServerAddress(text) else { throw ValueRefusal(allowed: allowed) }
      return address
    }
  }
}

extension ServerClient {
  /// The one job that a reference names.
  func find(_ reference: JobReference) async throws -> JobID {
    if let id = reference.jobID { return id }
    var filter = JobFilter()
    filter.limit = 1_000
    var ids: [JobID] = []
    while true {
      let page = try await jobs(filter)
      ids += page.jobs.map(\.summary.jobId).filter(reference.matches)
      guard let next = page.next else { break }
      filter.before = next
    }
    return try reference.only(of: ids, in: "on \(server)")
  }
}
