import CEmethCompute

extension Device {
  /// How fast all threads together read `memory` just now, in bytes per second: the pace that a product of
  /// one row with its weights can't beat where they are larger than the caches. A whole number of 64 elements
  /// counts.
  public func readBandwidth(of memory: FloatArena) -> Double {
    let bytes = memory.elements.count / 64 * 256
    guard bytes > 0 else { return 0 }
    let began = ContinuousClock.now
    _ = emeth_read_memory(handle, memory.base, bytes)
    return Double(bytes) / max((ContinuousClock.now - began) / .seconds(1), 1e-9)
  }
}
