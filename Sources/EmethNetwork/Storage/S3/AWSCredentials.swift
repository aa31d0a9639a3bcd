import EmethKit
import Foundation

/// Who asks a store: a key's name, the key, and the token of a session. Printed, it says its name only.
public struct AWSCredentials: Sendable, CustomStringConvertible, CustomReflectable {
  /// The key's name, which travels.
  public let accessKey: String
  let secretKey: String
  let sessionToken: String?

  /// Credentials of these values.
  public init(accessKey: String, secretKey: String, sessionToken: String? = nil) {
    self.accessKey = accessKey
    self.secretKey = secretKey
    self.sessionToken = sessionToken
  }

  /// The file that a storage's URL names, else `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
  /// `AWS_SESSION_TOKEN`, else the file in `AWS_SHARED_CREDENTIALS_FILE`, there the profile in `AWS_PROFILE`.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)``,
  ///   ``NetworkError/fileFailed(path:operation:reason:)``.
  public static func find(
    file: URL?, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(NetworkError) -> AWSCredentials {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    let profile = value("AWS_PROFILE") ?? "default"
    if let file { return try read(file, profile: profile) }
    if let key = value("AWS_ACCESS_KEY_ID"), let secret = value("AWS_SECRET_ACCESS_KEY") {
      return AWSCredentials(accessKey: key, secretKey: secret, sessionToken: value("AWS_SESSION_TOKEN"))
    }
    if let path = value("AWS_SHARED_CREDENTIALS_FILE") {
      return try read(URL(filePath: path), profile: profile)
    }
    throw .badSetting(
      name: "storage's credentials", found: "none",
      allowed:
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or credentials=FILE in the URL")
  }

  private static func read(_ file: URL, profile: String) throws(NetworkError) -> AWSCredentials {
    var section = ""
    var values: [String: String] = [:]
    for line in String(decoding: try Files.read(file), as: UTF8.self).split(whereSeparator: \.isNewline) {
      let line = line.trimmingCharacters(in: .whitespaces)
      if line.hasPrefix("["), line.hasSuffix("]") {
        section = line.dropFirst().dropLast().trimmingCharacters(in: .whitespaces)
      } else if section == profile, let mark = line.firstIndex(of: "="), !line.hasPrefix("#") {
        let name = line[..<mark].trimmingCharacters(in: .whitespaces)
        values[name] = line[line.index(after: mark)...].trimmingCharacters(in: .whitespaces)
      }
    }
    guard let key = values["aws_access_key_id"], let secret = values["aws_secret_access_key"] else {
      throw .badSetting(
        name: "storage's credentials", found: "\(file.path) without keys in [\(profile)]",
        allowed: "a section with aws_access_key_id and aws_secret_access_key")
    }
    return AWSCredentials(accessKey: key, secretKey: secret, sessionToken: values["aws_session_token"])
  }

  /// The key's name.
  public var description: String { "AWSCredentials(\(accessKey))" }
  /// The key's name, for those that print all members.
  public var customMirror: Mirror { Mirror(self, children: ["accessKey": accessKey]) }
}
