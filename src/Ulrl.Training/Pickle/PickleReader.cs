using System.Numerics;

namespace Ulrl.Training.Pickle;

/// <summary>
/// Reads one pickle (protocols 0 to 5) without running anything: it builds None (null), bool, integers (long,
/// <see cref="BigInteger"/>), double, string, byte[], lists (<see cref="List{T}"/>), tuples (arrays), dictionaries,
/// sets, and what the given names stand for. Every other name is refused. No step recurses; memory and time are
/// bounded by the length of the input.
/// </summary>
/// <param name="input">Positioned at the pickle's first byte; left behind its last.</param>
/// <param name="globals">What names stand for.</param>
internal sealed class PickleReader(PickleInput input, IPickleGlobals globals)
{
    private const int MaxNameBytes = 512;
    private const int MaxIntegerBytes = 1 << 16;
    private const int HighestProtocol = 5;

    // Objects made anew from shared ones, and keys hashed again and again, may cost this much per byte of input.
    private const long CostPerByte = 64;
    private const long FreeCost = 1 << 20;
    private const long CostPerBuiltByte = 8;

    private readonly List<object?> stack = [];
    private readonly List<int> marks = [];
    private readonly Dictionary<long, object?> memo = [];
    private readonly Dictionary<object, long> unfinishedSlots = new(ReferenceEqualityComparer.Instance);
    private long cost;

    /// <summary>Reads the pickle.</summary>
    /// <exception cref="UlrlException">The pickle is damaged, asks for a refused name, or is out of proportion.</exception>
    public object? Read()
    {
        while (true)
        {
            var opcode = (PickleOpcode)input.ReadByte();
            if (opcode == PickleOpcode.Stop)
                return marks.Count == 0 ? Pop() : throw Error("the pickle stops in the middle of a container; the file is damaged");
            Execute(opcode);
        }
    }

    /// <summary>File, and entry, for errors.</summary>
    public string Where => input.Where;

    /// <summary>An error of one sentence about this input.</summary>
    public UlrlException Error(string reason, Exception? inner = null) => input.Error(reason, inner);

    /// <summary>Counts bytes that are built from what was read before; far more than the input has are refused.</summary>
    public void ChargeMemory(long bytes) => Charge(bytes * CostPerBuiltByte);

    /// <summary>A new, empty dictionary that keeps its order.</summary>
    public static OrderedDictionary<object, object?> NewDictionary() => new(PickleKeyComparer.Instance);

    /// <summary>A new, empty set.</summary>
    public static HashSet<object> NewSet() => new(PickleKeyComparer.Instance);

    /// <summary>Sets one item of a dictionary.</summary>
    public void Set(OrderedDictionary<object, object?> dictionary, object? key, object? value) =>
        dictionary[Key(key)] = value;

    /// <summary>Adds one item to a set.</summary>
    public void Add(HashSet<object> set, object? item) => set.Add(Key(item));

    /// <summary>What a value is called in errors.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "None",
        bool => "a truth value",
        long or BigInteger => "an integer",
        double => "a float",
        string => "a string",
        byte[] => "bytes",
        object?[] => "a tuple",
        List<object?> => "a list",
        OrderedDictionary<object, object?> => "a dictionary",
        HashSet<object> => "a set",
        _ => "another object",
    };

    private void Execute(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Proto:
                var protocol = input.ReadByte();
                if (protocol > HighestProtocol)
                    throw Error($"pickle protocol {protocol} is unknown; save the file with protocol {HighestProtocol} or lower");
                break;
            case PickleOpcode.Frame:
                input.Require(input.ReadNumber(8));
                break;
            case PickleOpcode.Mark:
                marks.Add(stack.Count);
                break;
            case PickleOpcode.Pop when marks.Count > 0 && stack.Count == marks[^1]:
                marks.RemoveAt(marks.Count - 1);
                break;
            case PickleOpcode.Pop:
                Pop();
                break;
            case PickleOpcode.PopMark:
                PopToMark();
                break;
            case PickleOpcode.Dup:
                Push(Top());
                break;
            case PickleOpcode.Get:
                Push(Recall(PickleText.Index(input)));
                break;
            case PickleOpcode.BinGet:
                Push(Recall(input.ReadNumber(1)));
                break;
            case PickleOpcode.LongBinGet:
                Push(Recall(input.ReadNumber(4)));
                break;
            case PickleOpcode.Put:
                Remember(PickleText.Index(input));
                break;
            case PickleOpcode.BinPut:
                Remember(input.ReadNumber(1));
                break;
            case PickleOpcode.LongBinPut:
                Remember(input.ReadNumber(4));
                break;
            case PickleOpcode.Memoize:
                Remember(memo.Count);
                break;
            default:
                if (!ExecuteValue(opcode) && !ExecuteContainer(opcode))
                    ExecuteObject(opcode);
                break;
        }
    }

    private bool ExecuteValue(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.None:
                Push(null);
                return true;
            case PickleOpcode.NewTrue:
                Push(true);
                return true;
            case PickleOpcode.NewFalse:
                Push(false);
                return true;
            case PickleOpcode.Int:
                Push(PickleText.IntOrBool(input));
                return true;
            case PickleOpcode.Long:
                Push(PickleText.Long(input));
                return true;
            case PickleOpcode.BinInt:
                Push((long)(int)input.ReadNumber(4));
                return true;
            case PickleOpcode.BinInt1:
                Push(input.ReadNumber(1));
                return true;
            case PickleOpcode.BinInt2:
                Push(input.ReadNumber(2));
                return true;
            case PickleOpcode.Long1:
                Push(Integer(input.ReadNumber(1)));
                return true;
            case PickleOpcode.Long4:
                Push(Integer(input.ReadNumber(4)));
                return true;
            case PickleOpcode.Float:
                Push(PickleText.Float(input));
                return true;
            case PickleOpcode.BinFloat:
                Push(input.ReadBigEndianDouble());
                return true;
            case PickleOpcode.Unicode:
                Push(PickleText.RawUnicodeEscape(input));
                return true;
            case PickleOpcode.ShortBinUnicode:
                Push(Text(input.ReadNumber(1)));
                return true;
            case PickleOpcode.BinUnicode:
                Push(Text(input.ReadNumber(4)));
                return true;
            case PickleOpcode.BinUnicode8:
                Push(Text(input.ReadNumber(8)));
                return true;
            case PickleOpcode.ShortBinBytes:
                Push(input.ReadBytes(input.ReadNumber(1)));
                return true;
            case PickleOpcode.BinBytes:
                Push(input.ReadBytes(input.ReadNumber(4)));
                return true;
            case PickleOpcode.BinBytes8 or PickleOpcode.ByteArray8:
                Push(input.ReadBytes(input.ReadNumber(8)));
                return true;
            case PickleOpcode.String:
                Push(OldString(PickleText.QuotedBytes(input)));
                return true;
            case PickleOpcode.ShortBinString:
                Push(OldString(input.ReadBytes(input.ReadNumber(1))));
                return true;
            case PickleOpcode.BinString:
                Push(OldString(input.ReadBytes(input.ReadNumber(4))));
                return true;
            default:
                return false;
        }
    }

    private bool ExecuteContainer(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.EmptyTuple:
                Push(Array.Empty<object?>());
                return true;
            case PickleOpcode.Tuple:
                Push(PopToMark());
                return true;
            case PickleOpcode.Tuple1:
                Push(PopMany(1));
                return true;
            case PickleOpcode.Tuple2:
                Push(PopMany(2));
                return true;
            case PickleOpcode.Tuple3:
                Push(PopMany(3));
                return true;
            case PickleOpcode.EmptyList:
                Push(new List<object?>());
                return true;
            case PickleOpcode.List:
                Push(new List<object?>(PopToMark()));
                return true;
            case PickleOpcode.Append:
                var item = Pop();
                Top<List<object?>>(opcode).Add(item);
                return true;
            case PickleOpcode.Appends:
                var items = PopToMark();
                Top<List<object?>>(opcode).AddRange(items);
                return true;
            case PickleOpcode.EmptyDict:
                Push(NewDictionary());
                return true;
            case PickleOpcode.Dict:
                var pairs = PopToMark();
                Push(NewDictionary());
                SetItems(pairs, opcode);
                return true;
            case PickleOpcode.SetItem:
                SetItems(PopMany(2), opcode);
                return true;
            case PickleOpcode.SetItems:
                SetItems(PopToMark(), opcode);
                return true;
            case PickleOpcode.EmptySet:
                Push(NewSet());
                return true;
            case PickleOpcode.FrozenSet:
                var members = PopToMark();
                Push(NewSet());
                AddItems(members, opcode);
                return true;
            case PickleOpcode.AddItems:
                AddItems(PopToMark(), opcode);
                return true;
            default:
                return false;
        }
    }

    private void ExecuteObject(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Global:
                Push(Find(NameLine(), NameLine()));
                break;
            case PickleOpcode.StackGlobal:
                var name = Pop();
                if (Pop() is not string module || name is not string text)
                    throw Error("a name on the stack is not a string; the file is damaged");
                Push(Find(module, text));
                break;
            case PickleOpcode.Reduce or PickleOpcode.NewObj:
                var arguments = Pop();
                Push(Call(Pop(), arguments));
                break;
            case PickleOpcode.NewObjEx:
                var named = Pop();
                var positional = Pop();
                if (named is not OrderedDictionary<object, object?> { Count: 0 })
                    throw Error("the file calls something with named arguments, which is refused; save a plain state_dict");
                Push(Call(Pop(), positional));
                break;
            case PickleOpcode.Inst:
                var function = Find(NameLine(), NameLine());
                Push(Call(function, PopToMark()));
                break;
            case PickleOpcode.Obj:
                var parts = PopToMark();
                if (parts.Length == 0)
                    throw Error("an object has no class; the file is damaged");
                Push(Call(parts[0], parts[1..]));
                break;
            case PickleOpcode.Build:
                Build();
                break;
            case PickleOpcode.PersistentId:
                Push(globals.PersistentObject(this, PickleText.Utf8(input, input.ReadLine(MaxNameBytes))));
                break;
            case PickleOpcode.BinPersistentId:
                Push(globals.PersistentObject(this, Pop()));
                break;
            case PickleOpcode.Ext1 or PickleOpcode.Ext2 or PickleOpcode.Ext4:
                throw Error("the file asks for an object of Python's extension registry, which is refused; save a plain state_dict");
            case PickleOpcode.NextBuffer or PickleOpcode.ReadOnlyBuffer:
                throw Error("the pickle refers to buffers outside the file; save it with its data");
            default:
                throw Error($"0x{(byte)opcode:x2} is no pickle instruction; the file is damaged or no pickle");
        }
    }

    private object? Call(object? function, object? arguments)
    {
        if (function is not PickleFunction known)
            throw Error($"the file calls {Describe(function)}, which is no function; the file is damaged");
        if (arguments is not object?[] values)
            throw Error($"{known} is called with {Describe(arguments)} for arguments; the file is damaged");
        return known.Call(this, values);
    }

    private object Find(string module, string name) =>
        globals.Find(module, name)
        ?? throw Error($"the file asks for `{Printable(module)}.{Printable(name)}`, which is refused: only tensors, numpy arrays and plain containers are read; save the model's state_dict()");

    private void Build()
    {
        var state = Pop();
        if (stack.Count > Floor && stack[^1] is PickleUnfinished unfinished)
        {
            var built = unfinished.Finish(this, state);
            stack[^1] = built;
            if (unfinishedSlots.Remove(unfinished, out var slot))
                memo[slot] = built;
            return;
        }

        // Attributes of an OrderedDict, as the version numbers torch keeps beside a state dict.
        if (Top() is not OrderedDictionary<object, object?> || state is not (null or OrderedDictionary<object, object?>))
            throw Error($"the file sets the state of {Describe(Top())}, which has none; the file is damaged");
    }

    private void SetItems(object?[] items, PickleOpcode opcode)
    {
        var dictionary = Top<OrderedDictionary<object, object?>>(opcode);
        if (items.Length % 2 != 0)
            throw Error("a dictionary has a key without a value; the file is damaged");
        for (var i = 0; i < items.Length; i += 2)
            Set(dictionary, items[i], items[i + 1]);
    }

    private void AddItems(object?[] items, PickleOpcode opcode)
    {
        var set = Top<HashSet<object>>(opcode);
        foreach (var item in items)
            Add(set, item);
    }

    private object Key(object? key)
    {
        var keyCost = PickleKeyComparer.Cost(key);
        if (keyCost == 0)
            throw Error($"{Describe(key)} is used as a key; keys are strings, numbers, bytes and flat tuples of those");
        Charge(keyCost);
        return key!;
    }

    private object Integer(long bytes)
    {
        if (bytes > MaxIntegerBytes)
            throw Error($"an integer of {bytes} bytes is claimed; the file is damaged");
        return PickleText.Smallest(new BigInteger(input.ReadBytes(bytes)));
    }

    private string Text(long bytes) => PickleText.Utf8(input, input.ReadBytes(bytes));

    private object OldString(byte[] bytes) => globals.OldStringsAreText ? PickleText.Utf8(input, bytes) : bytes;

    private string NameLine() => PickleText.Utf8(input, input.ReadLine(MaxNameBytes));

    private int Floor => marks.Count == 0 ? 0 : marks[^1];

    private void Push(object? value) => stack.Add(value);

    private object? Top()
    {
        if (stack.Count <= Floor)
            throw Error("an instruction finds nothing to work on; the file is damaged");
        return Finished(stack[^1]);
    }

    private T Top<T>(PickleOpcode opcode)
        where T : class =>
        Top() as T ?? throw Error($"the instruction {opcode} is applied to {Describe(Top())}; the file is damaged");

    private object? Pop()
    {
        var value = Top();
        stack.RemoveAt(stack.Count - 1);
        return value;
    }

    private object?[] PopMany(int count)
    {
        if (stack.Count - Floor < count)
            throw Error("an instruction finds too little to work on; the file is damaged");
        var values = new object?[count];
        stack.CopyTo(stack.Count - count, values, 0, count);
        stack.RemoveRange(stack.Count - count, count);
        foreach (var value in values)
            Finished(value);
        return values;
    }

    private object?[] PopToMark()
    {
        if (marks.Count == 0)
            throw Error("a container ends that did not begin; the file is damaged");
        var values = PopMany(stack.Count - marks[^1]);
        marks.RemoveAt(marks.Count - 1);
        return values;
    }

    private object? Recall(long slot) =>
        memo.TryGetValue(slot, out var value) ? Finished(value) : throw Error($"memo {slot} is used before it is set; the file is damaged");

    private void Remember(long slot)
    {
        if (stack.Count <= Floor)
            throw Error("an instruction finds nothing to remember; the file is damaged");
        memo[slot] = stack[^1];
        if (stack[^1] is PickleUnfinished unfinished)
            unfinishedSlots[unfinished] = slot;
    }

    private object? Finished(object? value) =>
        value is PickleUnfinished ? throw Error("an array or type is used before its content is set; the file is damaged") : value;

    private void Charge(long amount)
    {
        cost += amount;
        if (cost > FreeCost + (CostPerByte * input.Length))
            throw Error("the pickle expands out of proportion to its length; the file is an attack or damaged");
    }

    private static string Printable(string name)
    {
        const int Longest = 80;
        var cut = name.Length > Longest ? name[..Longest] + "..." : name;
        return string.Concat(cut.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c));
    }
}
