/// Elements that the host fills and a device reads where they lie, such as the token ids of a batch.
final class DeviceArray<Element: BitwiseCopyable> {
  /// The first element.
  let base: UnsafeMutablePointer<Element>
  /// Number of elements.
  let count: Int
  private let arena: FloatArena

  /// Elements whose bits are all 0.
  init(count: Int, device: Device) throws(ComputeError) {
    let float = MemoryLayout<Float>.stride
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflow, bytes <= .max - float else { throw .outOfMemory(bytes: .max) }
    arena = try FloatArena(count: (bytes + float - 1) / float, device: device)
    base = UnsafeMutableRawPointer(arena.base).bindMemory(to: Element.self, capacity: count)
    self.count = count
  }

  subscript(index: Int) -> Element {
    get { base[index] }
    set { base[index] = newValue }
  }
}
