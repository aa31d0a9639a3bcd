import Synchronization

/// Encoders that wait for the next text: as many as were ever used at one time, each with its warm cache.
final class EncoderPool: Sendable {
  private let idle = Mutex<[BytePairEncoder]>([])
  private let make: @Sendable () -> BytePairEncoder

  /// An empty pool of what `make` makes.
  init(_ make: @escaping @Sendable () -> BytePairEncoder) { self.make = make }

  /// Lends an encoder to `body`, which alone uses it.
  func withEncoder<Result>(_ body: (BytePairEncoder) -> Result) -> Result {
    let encoder = idle.withLock { $0.popLast() } ?? make()
    defer { if !encoder.isLarge { idle.withLock { $0.append(encoder) } } }
    return body(encoder)
  }
}
