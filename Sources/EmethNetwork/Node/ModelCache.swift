/// Which of a SubJob's boundary states a node keeps, when all of them would not fit (PROTOCOL 7).
///
/// A state that is not kept is computed again from the nearest one before it, to the same bits. The one before the
/// last segment is kept first, since every verifier asks for it; then as many of the others as there is room for,
/// evenly spaced. The first boundary costs nothing (it is the round's model) and nobody asks for the state at
/// the last.
struct ModelCache: Hashable {
  /// The boundary before the last segment; `nil` where even that does not fit, or where it is the first.
  let last: Int?
  /// Every so many boundaries are kept besides; `nil` for none.
  let spacing: Int?

  /// - Parameters:
  ///   - room: bytes that may be used.
  ///   - stateSize: bytes of a state.
  ///   - segments: segments of the SubJob.
  init(room: UInt64, stateSize: Int, segments: Int) {
    let places = Int(clamping: room / UInt64(max(1, stateSize)))
    last = places > 0 && segments > 1 ? segments - 1 : nil
    // Of the others, numbered from 1, every so many that they fit into what is left.
    let others = segments - 2
    spacing = places > 1 && others > 0 ? others / places + 1 : nil
  }

  func keeps(_ boundary: Int) -> Bool {
    if boundary == last { return true }
    guard let spacing, let last, boundary > 0, boundary < last else { return false }
    return boundary.isMultiple(of: spacing)
  }
}
