import Foundation

/// Where 64 bytes of a needle stand in a heap of bytes.
struct WindowSearch {
  private static let window = 64
  /// A window's first 8 bytes, and the places where such a window begins.
  private var windows: [UInt64: [(needle: Int, offset: Int)]] = [:]
  private var filter = [UInt64](repeating: 0, count: 1 << 16)
  private let needles: [[UInt8]]

  init(_ needles: [Data]) {
    self.needles = needles.map(Array.init)
    for (needle, bytes) in self.needles.enumerated() {
      for offset in stride(from: 0, through: bytes.count - Self.window, by: Self.window) {
        // Bytes that are all the same stand everywhere.
        guard Set(bytes[offset..<offset + Self.window]).count > 1 else { continue }
        let head = Self.head(bytes, offset)
        windows[head, default: []].append((needle, offset))
        let place = Self.place(head)
        filter[place >> 6] |= 1 << (place & 63)
      }
    }
  }

  private static func head(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
    bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
  }

  private static func place(_ head: UInt64) -> Int {
    Int(truncatingIfNeeded: (head &* 0x9E37_79B9_7F4A_7C15) >> 42)
  }

  /// How many windows begin at some byte of the heap.
  func hits(in heap: [UInt8]) -> Int {
    guard heap.count >= Self.window else { return 0 }
    var hits = 0
    heap.withUnsafeBytes { heap in
      filter.withUnsafeBufferPointer { filter in
        for offset in 0...(heap.count - Self.window) {
          let head = heap.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
          let place = Self.place(head)
          guard filter[place >> 6] & 1 << (place & 63) != 0, let candidates = windows[head] else {
            continue
          }
          for (needle, start) in candidates
          where needles[needle][start..<start + Self.window].elementsEqual(
            heap[offset..<offset + Self.window])
          {
            hits += 1
          }
        }
      }
    }
    return hits
  }
}

extension WindowSearch {
  /// The files of a folder and of those below it in which a window stands, by their paths.
  func files(in folder: URL) throws -> Set<String> {
    var found: Set<String> = []
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    for case let file as URL in files?.allObjects ?? [] {
      guard let bytes = try? Data(contentsOf: file) else { continue }
      if hits(in: Array(bytes)) > 0 { found.insert(file.path) }
    }
    return found
  }
}
