import EmethKit
import EmethNetwork
import Foundation

/// What `emeth node` is told: by flags, then by the environment, then by the file of `--config`.
///
/// The file and the environment of the node of 2023 are understood too: `cacheServerUrl` is the server, `privateKey` the
/// key. What else stood in that file names services that the server is itself, or a settlement that is the server's.
enum NodeConfiguration {
  private static let withoutUse = [
    "endpoint", "storageApiUrl", "emethCoreContractAddress", "emethTokenContractAddress", "enableGpu",
  ]

  /// The command as if everything had been typed, and the key if the file has it.
  static func complete(
    _ typed: ParsedCommand, _ context: CommandContext
  ) throws -> (ParsedCommand, key: PrivateKey?) {
    var parsed = typed
    var fromEnvironment: Set<String> = []
    for (name, flag) in [
      ("EMETH_NODE_INCLUDE_PROCESSOR", NodeArguments.include),
      ("EMETH_NODE_EXCLUDE_PROCESSOR", NodeArguments.exclude),
    ] where !parsed.isGiven(flag) {
      guard let text = context.environment[name], !text.isEmpty else { continue }
      fromEnvironment.insert(flag.definition.name)
      parsed.set(flag.definition, to: try programs(text, name))
    }
    guard let path = parsed[NodeArguments.config] ?? context.environment["EMETH_NODE_CONFIG"], !path.isEmpty
    else {
      return (parsed, nil)
    }
    var file = try ConfigurationFile(path, secret: ["privateKey"])
    if !context.environment["EMETH_SERVER", default: ""].isEmpty { fromEnvironment.insert("server") }
    if let url = file.take("cacheServerUrl"), !parsed.isGiven(ServerOptions.only),
      !fromEnvironment.contains("server")
    {
      parsed.set(ServerOptions.only.definition, to: try server(of: url, path))
    }
    for name in withoutUse { _ = file.take(name) }
    let digits = file.take("privateKey")
    let isKeyNamed =
      parsed.isGiven(KeyOptions.keyFile) || !context.environment["EMETH_PRIVATE_KEY", default: ""].isEmpty
    if isKeyNamed { fromEnvironment.formUnion(["key-file", "password-file"]) }
    try file.fill(&parsed, environment: fromEnvironment)
    guard let digits, !isKeyNamed, !parsed.isGiven(KeyOptions.keyFile) else { return (parsed, nil) }
    do throws(CryptoError) {
      return (parsed, try PrivateKey(hex: digits))
    } catch {
      throw CommandFailure(.badInput, code: error.code, "\(path), privateKey: \(error.message)")
    }
  }

  /// The server of a URL of the job list, whose path this node does not use.
  private static func server(of url: String, _ path: String) throws -> ServerAddress {
    let parts = URLComponents(string: url)
    let port = parts?.port.map { ":\($0)" } ?? ""
    guard let scheme = parts?.scheme, let host = parts?.host,
      let address = try? ServerAddress("\(scheme)://\(host)\(port)")
    else {
      throw CommandFailure(
        .badInput, code: "config.value",
        "\(path), cacheServerUrl: found \"\(PlainText.visible(url))\", allowed https://HOST[:PORT]/api/v1/jobs",
        details: ["found": url])
    }
    return address
  }

  /// Programs' numbers, with commas between them.
  private static func programs(_ text: String, _ name: String) throws -> [ProgramID] {
    try text.split(separator: ",").map { number in
      do throws(ValueRefusal) {
        return try ValueType<ProgramID>.programID.parse(number.trimmingCharacters(in: .whitespaces))
      } catch {
        throw CommandFailure(
          .usage, code: "environment.value",
          "\(name): found \"\(PlainText.visible(text))\", allowed numbers of programs with commas between them",
          details: ["found": text])
      }
    }
  }
}
