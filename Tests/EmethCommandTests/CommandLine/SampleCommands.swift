@testable import emeth_cli

/// A small table with every kind of flag and argument, for tests of what is made from a table.
enum SampleCommands {
  enum Shade: String, CaseIterable, Sendable {
    case light, middle, dark
  }

  static let dataset = Argument("DATASET", .file, help: "text to read, `-` for standard input")
  static let shift = Argument(optional: "SHIFT", .integer(in: -9...9), help: "how far to shift")
  static let nodes = Flag("nodes", .integer(in: 1...64), default: 4, help: "nodes at work")
  static let parts = Flag("parts", .integer(in: 1...511), absent: "as many as --nodes", help: "parts")
  static let shade = Flag("shade", .choice("SHADE"), default: Shade.middle, help: "how dark")
  static let rate = Flag("rate", .real(in: -1...1), default: 0.5, help: "a rate: [x] it's $HOME and `such`")
  static let count = Flag("count", .unsigned(), absent: nil, help: "a large count")
  static let out = Flag("out", short: "o", .folder, absent: nil, help: "where to write")
  static let json = CommonFlags.json
  static let key = Flag(required: "key-file", .file, help: "the key")

  static let paint = Command(
    CommandDefinition(
      "paint", section: .requester, summary: "paint a data set in somebody's colour",
      discussion: [
        "Paints every record of the data set, one after the other, in the chosen shade. The paragraph is "
          + "long enough to need more than one line."
      ],
      arguments: [dataset, shift], flags: [nodes, parts, shade, rate, count, out, json],
      examples: [CommandExample("emeth paint data.txt --shade dark", "as dark as it gets")],
      exitCodes: [.no: "the paint does not hold"])
  ) { _, _ in .done }

  static let sign = Command(
    CommandDefinition("sign", section: .keys, summary: "sign it", flags: [key])
  ) { _, _ in .done }

  static let table = [paint, sign]
  static let definitions = table.map(\.definition)
}
