/// A binary heap of numbers, the lowest on top.
struct MinimumHeap {
  private var elements: [UInt64] = []

  /// An empty heap.
  init() {}

  /// Number of elements.
  var count: Int { elements.count }

  /// The lowest element, nil when there is none.
  var lowest: UInt64? { elements.first }

  /// Adds an element. O(log n).
  mutating func insert(_ element: UInt64) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if elements[parent] <= elements[child] { break }
      elements.swapAt(parent, child)
      child = parent
    }
  }

  /// Takes the lowest element out, nil when there is none. O(log n).
  mutating func removeLowest() -> UInt64? {
    guard let lowest = elements.first, let last = elements.popLast() else { return nil }
    if elements.isEmpty { return lowest }
    elements[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      if child >= elements.count { break }
      if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
      if elements[parent] <= elements[child] { break }
      elements.swapAt(parent, child)
      parent = child
    }
    return lowest
  }
}
