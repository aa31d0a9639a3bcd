import EmethKit
import Synchronization

/// The age file that armored text stands for.
final class ArmoredSource: ByteSource {
  private struct State: ~Copyable {
    var reader: ArmorReader? = ArmorReader()
    /// Bytes that are decoded and not read yet.
    var waiting: ArraySlice<UInt8> = []
    var text: [UInt8]
  }

  private let source: any ByteSource
  private let state: Mutex<State>

  /// - Parameter readAhead: Text that was read from the source before.
  init(_ source: any ByteSource, readAhead: [UInt8]) {
    self.source = source
    state = Mutex(State(text: readAhead))
  }

  var isReady: Bool { state.withLock { !$0.waiting.isEmpty } || source.isReady }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try state.withLock { state in
      while state.waiting.isEmpty {
        guard state.reader != nil else { return 0 }
        try decode(&state)
      }
      let taken = state.waiting.prefix(buffer.count)
      buffer.copyBytes(from: taken)
      state.waiting = state.waiting.dropFirst(taken.count)
      return taken.count
    }
  }

  /// Takes in the next text, of which the part read ahead comes first.
  private func decode(_ state: inout State) throws {
    var text = state.text
    state.text = []
    if text.isEmpty {
      text = [UInt8](repeating: 0, count: 1 << 16)
      let count = try text.withUnsafeMutableBytes { try source.read(into: $0) }
      text.removeLast(text.count - count)
    }
    guard var reader = state.reader.take() else { return }
    guard !text.isEmpty else { return try reader.finish() }
    var bytes: [UInt8] = []
    try reader.append(text, to: &bytes)
    state.waiting = bytes[...]
    state.reader = consume reader
  }
}
