/// Where in nested values something stands, such as `leaves[2].0` or `message.to.name`.
///
/// Written as text only when there is something to report.
struct ValuePath {
  private enum Step {
    case name(String)
    case member(Int)
    case element(Int)
  }

  private var steps: [Step] = []

  /// The path that starts at a name.
  init(_ name: String) { steps = [.name(name)] }

  /// The path to nothing yet.
  init() {}

  /// Goes down to a member of that name.
  mutating func enter(name: String) { steps.append(.name(name)) }

  /// Goes down to a member without a name, counted from 0.
  mutating func enter(member: Int) { steps.append(.member(member)) }

  /// Goes down to an array's element, counted from 0.
  mutating func enter(element: Int) { steps.append(.element(element)) }

  /// Goes back up by one.
  mutating func leave() { steps.removeLast() }
}

extension ValuePath: CustomStringConvertible {
  var description: String {
    steps.enumerated().reduce(into: "") { text, step in
      switch step.element {
      case .name(let name): text += step.offset == 0 ? name : ".\(name)"
      case .member(let index): text += step.offset == 0 ? "\(index)" : ".\(index)"
      case .element(let index): text += "[\(index)]"
      }
    }
  }
}
