import CCurl
import EmethKit
import Foundation
import Synchronization

/// One request as ``CurlHandle`` carries it out, and what came back: the state that libcurl's callbacks work on.
///
/// Used by one thread at a time: the one that performs the transfer.
final class CurlTransfer {
  /// Where an answer's body goes.
  enum Sink {
    /// Into memory, at most so many bytes.
    case memory(limit: Int)
    /// To a function that says whether it could take the bytes, when the status is a good one; what comes with
    /// a bad one goes into memory.
    case stream((UnsafeRawBufferPointer) -> Bool)
  }

  let method: String
  let path: String
  var headers: [(name: String, value: String)] = []
  /// The body; `nil` sends none.
  let body: Data?
  let sink: Sink
  /// Seconds for the whole transfer; `nil`: as long as bytes flow.
  let timeoutSeconds: Double?
  /// Whether the caller does not want it any more; asked about once a second.
  let isCancelled: @Sendable () -> Bool

  private(set) var status = 0
  private(set) var answerHeaders: [String: String] = [:]
  private(set) var received = Data()
  /// Whether the answer was longer than the sink takes.
  private(set) var isTooLong = false
  /// Whether the stream's function refused bytes.
  private(set) var sinkFailed = false
  private var sent = 0

  init(
    method: String, path: String, body: Data?, sink: Sink, timeoutSeconds: Double?,
    isCancelled: @escaping @Sendable () -> Bool
  ) {
    self.method = method
    self.path = path
    self.body = body
    self.sink = sink
    self.timeoutSeconds = timeoutSeconds
    self.isCancelled = isCancelled
  }

  /// So many bytes of an answer that says what went wrong are read.
  private static let errorLimit = 64 << 10

  /// Takes a line of the answer's head in. A new status line begins a new head.
  fileprivate func take(headerLine bytes: UnsafeRawBufferPointer) {
    let line = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    if line.hasPrefix("HTTP/") {
      status = Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0
      answerHeaders = [:]
    } else if let colon = line.firstIndex(of: ":"), answerHeaders.count < 100 {
      let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      answerHeaders[line[..<colon].lowercased()] = value
    }
  }

  fileprivate func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var limit = Self.errorLimit
    switch sink {
    case .memory(let allowed): limit = (200..<300).contains(status) ? allowed : min(allowed, limit)
    case .stream(let write):
      if (200..<300).contains(status) {
        sinkFailed = !write(bytes)
        return !sinkFailed
      }
    }
    guard received.count + bytes.count <= limit else {
      isTooLong = true
      return false
    }
    received.append(contentsOf: bytes)
    return true
  }

  fileprivate func give(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let body else { return 0 }
    let count = min(buffer.count, body.count - sent)
    if count > 0 {
      body.withUnsafeBytes { all in
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[sent..<sent + count]))
      }
    }
    sent += count
    return count
  }

  fileprivate func seek(to offset: Int) -> Bool {
    guard let body, (0...body.count).contains(offset) else { return false }
    sent = offset
    return true
  }
}

/// libcurl's callbacks, which find their transfer behind the pointer that they are given.
enum CurlCallbacks {
  static let header:
    @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int =
      { bytes, size, count, context in
        transfer(context)?.take(headerLine: UnsafeRawBufferPointer(start: bytes, count: size * count))
        return size * count
      }

  static let body: @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int =
    { bytes, size, count, context in
      guard let transfer = transfer(context) else { return 0 }
      // libcurl takes any other number for a failure of this side; an empty body is none.
      return transfer.take(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : -1
    }

  static let source:
    @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int =
      { bytes, size, count, context in
        transfer(context)?.give(into: UnsafeMutableRawBufferPointer(start: bytes, count: size * count)) ?? 0
      }

  static let seek: @convention(c) (UnsafeMutableRawPointer?, curl_off_t, Int32) -> Int32 = {
    context, offset, origin in
    guard origin == SEEK_SET, transfer(context)?.seek(to: Int(offset)) == true else {
      return CURL_SEEKFUNC_FAIL
    }
    return CURL_SEEKFUNC_OK
  }

  static let progress:
    @convention(c) (UnsafeMutableRawPointer?, curl_off_t, curl_off_t, curl_off_t, curl_off_t) -> Int32 = {
      context, _, _, _, _ in
      transfer(context)?.isCancelled() == true ? 1 : 0
    }

  private static func transfer(_ context: UnsafeMutableRawPointer?) -> CurlTransfer? {
    context.map { Unmanaged<CurlTransfer>.fromOpaque($0).takeUnretainedValue() }
  }
}
