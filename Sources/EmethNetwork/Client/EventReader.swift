import EmethKit
import Foundation
import Synchronization

/// Reads the server-sent events of a text as their bytes come.
final class EventReader: Sendable {
  private struct State {
    var line: [UInt8] = []
    var isDone = false
    var failure: Failure?
  }

  private struct Failure: Decodable {
    struct Body: Decodable {
      var message: String
      var code: String?
    }

    var error: Body
  }

  private struct Chunk: Decodable {
    struct Choice: Decodable {
      struct Delta: Decodable { var content: String? }

      var text: String?
      var delta: Delta?
    }

    var choices: [Choice]
  }

  /// The longest line of a stream, in bytes.
  private static let lineLimit = 16 << 20
  private let state = Mutex(State())
  private let onText: @Sendable (String) -> Void

  init(_ onText: @escaping @Sendable (String) -> Void) { self.onText = onText }

  /// Takes bytes in; false where they are no events.
  func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
    state.withLock { state in
      for byte in bytes {
        guard byte == UInt8(ascii: "\n") else {
          state.line.append(byte)
          if state.line.count > Self.lineLimit { return false }
          continue
        }
        let line = String(decoding: state.line, as: UTF8.self)
        state.line.removeAll(keepingCapacity: true)
        guard line.hasPrefix("data: ") else { continue }
        if line == "data: [DONE]" {
          state.isDone = true
        } else if let failure = try? JSONDecoder().decode(Failure.self, from: Data(line.utf8.dropFirst(6))) {
          state.failure = failure
        } else if let chunk = try? JSONDecoder().decode(Chunk.self, from: Data(line.utf8.dropFirst(6))) {
          for choice in chunk.choices {
            if let text = choice.text ?? choice.delta?.content, !text.isEmpty { onText(text) }
          }
        } else {
          return false
        }
      }
      return true
    }
  }

  /// Throws where the text has not come to its end.
  func finish(_ server: ServerAddress) throws(NetworkError) {
    let (isDone, failure) = state.withLock { ($0.isDone, $0.failure) }
    if let failure = failure?.error {
      throw .serverFailed(
        server: "\(server)", status: 200, code: failure.code ?? "text.failed", message: failure.message)
    }
    if !isDone { throw .unreachable(server: "\(server)", reason: "the text was cut off") }
  }

  /// What a server has answered instead of a text.
  static func error(_ answer: ServerClient.Answer, _ server: ServerAddress) -> NetworkError {
    guard let failure = try? JSONDecoder().decode(Failure.self, from: answer.body).error else {
      return .serverFailed(
        server: "\(server)", status: answer.status, code: "http.\(answer.status)",
        message: "status \(answer.status)")
    }
    let code = failure.code ?? "http.\(answer.status)"
    if answer.status >= 500 {
      return .serverFailed(server: "\(server)", status: answer.status, code: code, message: failure.message)
    }
    return .refused(code: code, message: failure.message, hint: nil)
  }
}
