import Synchronization

/// What several threads compute, each its own element.
final class ParallelResults<Element: Sendable>: Sendable {
  private let elements: Mutex<[Element?]>

  /// Room for `count` elements.
  init(count: Int) { elements = Mutex(Array(repeating: nil, count: count)) }

  /// One element.
  subscript(index: Int) -> Element? {
    get { elements.withLock { $0[index] } }
    set { elements.withLock { $0[index] = newValue } }
  }

  /// All elements that have been set, in order.
  var values: [Element] { elements.withLock { $0.compactMap { $0 } } }
}
