import EmethCompute
import Foundation

extension Command {
  /// `emeth devices`: what computes here.
  static let devices = Command(
    CommandDefinition(
      "devices", section: .program, summary: "list the processors that can compute",
      discussion: [
        "All instruction sets and any number of threads give the same bits; they differ in speed. EMETH_CPU "
          + "forces one."
      ],
      flags: [ModelOptions.threads, CommonFlags.json],
      examples: [CommandExample("emeth devices --json", "the same as JSON")])
  ) { parsed, context in
    let threads = parsed[ModelOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount
    let device = try Device.cpu(threads: threads)
    let shown = DeviceDescription(
      name: "cpu", instructionSets: Device.available, chosen: device.instructionSet, threads: device.threads)
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(DeviceList(devices: [shown])))
    } else {
      var table = TextTable([.init("device"), .init("chosen"), .init("threads", .right), .init("available")])
      let sets = shown.instructionSets.map(\.rawValue).joined(separator: " ")
      table.add([shown.name, shown.chosen.rawValue, "\(shown.threads)", sets])
      try context.output.write(table.text(for: context.outputTerminal))
    }
    return .done
  }

  private struct DeviceList: Encodable {
    var devices: [DeviceDescription]
  }

  private struct DeviceDescription: Encodable {
    var name: String
    var instructionSets: [InstructionSet]
    var chosen: InstructionSet
    var threads: Int
  }
}
