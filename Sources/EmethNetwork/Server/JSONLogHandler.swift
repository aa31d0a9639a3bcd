import Foundation
import Logging

/// Log entries as JSON, one on a line of standard error: `{"label","level","message","time", …}` with what goes with
/// the entry as further members.
///
/// ```swift
/// let logger = Logger(label: "emeth.serve") { JSONLogHandler(label: $0) }
/// ```
public struct JSONLogHandler: LogHandler {
  /// What goes with every entry.
  public var metadata: Logger.Metadata = [:]
  /// Entries below it are dropped.
  public var logLevel = Logger.Level.info

  /// Date and time in UTC: `2026-11-22T21:30:00.125Z`.
  private static let timeStyle = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
  private let label: String
  private let write: @Sendable (String) -> Void

  /// A handler that writes to standard error, or to where `write` takes lines.
  public init(label: String, write: (@Sendable (String) -> Void)? = nil) {
    self.label = label
    self.write = write ?? Self.standardError
  }

  /// What goes with every entry, under a name.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes an entry.
  public func log(event: LogEvent) {
    var members = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
    members["label"] = label
    members["level"] = event.level.rawValue
    members["message"] = "\(event.message)"
    members["time"] = Self.timeStyle.format(Date())
    let texts = members.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
    write("{\(texts.joined(separator: ","))}\n")
  }

  /// A text in JSON. Nearly all need no escapes, and an encoder takes longer than the request whose line it is.
  private static func quoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
      byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
    return isPlain ? "\"\(text)\"" : (try? text.wireText()) ?? "\"\""
  }

  /// One call for a line, so that lines of several threads do not mix.
  private static func standardError(_ line: String) {
    line.utf8CString.withUnsafeBytes { _ = Foundation.write(STDERR_FILENO, $0.baseAddress, $0.count - 1) }
  }
}
